"""Draws depend on what they are for and on nothing else, and look independent and uniform."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from edgessl.rng import (
    DrawKey,
    permutation,
    step_seed,
    uniforms,
    uniforms_of_operations,
    uniforms_of_pairs,
)  # fmt: skip

KEY = DrawKey(seed=0, stage=0, epoch=0)
IDS, VIEWS = np.arange(500), np.arange(4)

GOLDEN_DRAWS = [0.038016437396753755, 0.3270412653946305, 0.47463256258658026, 0.5777923244363464]
GOLDEN_ORDER = [4, 5, 3, 2, 1, 0, 6, 7]
GOLDEN_SEED = 8026809856324002304


def test_golden_draws_never_change() -> None:
    """A released recipe must give the same views for ever; made with the first version."""
    draws = uniforms(KEY, np.arange(2), np.arange(1), 0, 2).ravel()
    np.testing.assert_allclose(draws, GOLDEN_DRAWS, rtol=0, atol=1e-15)
    assert permutation(KEY, 8).tolist() == GOLDEN_ORDER
    assert step_seed(KEY, 0) == GOLDEN_SEED


def test_a_draw_is_the_same_in_any_batch_order_and_number_of_views() -> None:
    whole = uniforms(KEY, IDS, VIEWS, 1, 3)
    some = uniforms(KEY, IDS[[7, 3]], VIEWS[[2]], 1, 3)
    assert np.array_equal(some[:, 0], whole[[7, 3], 2])
    assert np.array_equal(uniforms(KEY, IDS, VIEWS, 1, 9)[..., :3], whole)


@pytest.mark.parametrize("change", ["seed", "stage", "epoch"])
def test_another_key_gives_unrelated_draws(change: str) -> None:
    ours = uniforms(KEY, IDS, VIEWS, 0, 2).ravel()
    theirs = uniforms(replace(KEY, **{change: 1}), IDS, VIEWS, 0, 2).ravel()
    assert abs(np.corrcoef(ours, theirs)[0, 1]) < 4 / np.sqrt(ours.size)
    assert not np.isin(ours, theirs).any()


def test_seed_stage_and_epoch_do_not_stand_in_for_each_other() -> None:
    keys = [DrawKey(1, 0, 0), DrawKey(0, 1, 0), DrawKey(0, 0, 1)]
    first = [uniforms(key, IDS[:1], VIEWS[:1], 0, 1).item() for key in keys]
    assert len(set(first)) == 3


def test_operations_views_and_samples_share_no_draw() -> None:
    draws = np.stack([uniforms(KEY, IDS, VIEWS, operation, 4) for operation in range(6)])
    assert len(np.unique(draws)) == draws.size


def test_draws_are_uniform_and_neighbours_unrelated() -> None:
    draws = uniforms(KEY, np.arange(4000), VIEWS, 0, 2)
    assert draws.min() >= 0.0
    assert draws.max() < 1.0
    assert kstest(draws.ravel(), "uniform").pvalue > 0.01
    for axis in range(3):
        ahead = np.take(draws, range(1, draws.shape[axis]), axis).ravel()
        behind = np.take(draws, range(draws.shape[axis] - 1), axis).ravel()
        assert abs(np.corrcoef(ahead, behind)[0, 1]) < 4 / np.sqrt(ahead.size)


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_an_epochs_order_visits_every_sample_once(size: int) -> None:
    assert sorted(permutation(KEY, size)) == list(range(size))


def test_every_epoch_has_an_order_of_its_own() -> None:
    first, second = permutation(KEY, 1000), permutation(replace(KEY, epoch=1), 1000)
    assert (first == second).sum() < 10


def test_negative_and_huge_seeds_are_keys_too() -> None:
    draws = {uniforms(DrawKey(seed, 0, 0), IDS[:1], VIEWS[:1], 0, 1).item()
             for seed in (-1, 0, 2**63 - 1, 2**31)}
    assert len(draws) == 4


def test_step_seeds_are_distinct_and_fit_torchs_generator() -> None:
    seeds = {step_seed(DrawKey(0, stage, 0), step) for stage in range(5) for step in range(2000)}
    assert len(seeds) == 10_000
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_several_operations_at_once_draw_what_each_draws_alone() -> None:
    together = uniforms_of_operations(KEY, IDS, VIEWS, {3: 5, 0: 1, 2: 4})
    for draws, (operation, count) in zip(together, ((3, 5), (0, 1), (2, 4)), strict=True):
        assert np.array_equal(draws, uniforms(KEY, IDS, VIEWS, operation, count))


def test_pairs_of_sample_and_view_draw_what_they_draw_among_all() -> None:
    ids, views = np.array([7, 3, 7]), np.array([2, 0, 1])
    drawn = uniforms_of_pairs(KEY, ids, views, 4, 6)
    assert np.array_equal(drawn, uniforms(KEY, IDS, VIEWS, 4, 6)[ids, views])
