"""With a classifier, the picks are those it can hardly decide on, and unlike each other."""

from __future__ import annotations

import numpy as np
import pytest

from edgessl.pick.uncertain import (
    POOL,
    hardest,
    in_doubt,
    margins,
    probabilities_of,
    spread_out,
)

CHANCES = np.array([[0.9, 0.1, 0.0], [0.5, 0.1, 0.4], [0.2, 0.45, 0.35]])


def test_the_margin_is_between_the_two_likeliest_classes() -> None:
    assert margins(CHANCES) == pytest.approx([0.8, 0.1, 0.1])


def test_the_smallest_margins_come_first_and_only_some_of_them() -> None:
    chances = np.stack([np.linspace(1, 0.5, 50), np.linspace(0, 0.5, 50)], axis=1)
    assert hardest(chances, 2).tolist() == list(range(49, 49 - 2 * POOL, -1))


def test_logits_become_probabilities_and_probabilities_stay() -> None:
    logits = np.array([[0.0, np.log(3.0)], [1000.0, 0.0]], dtype=np.float32)
    assert probabilities_of(logits) == pytest.approx(np.array([[0.25, 0.75], [1, 0]]))
    assert probabilities_of(CHANCES.astype(np.float32)) == pytest.approx(CHANCES)


def test_what_is_chosen_differs() -> None:
    """Three places with ten copies each: one of each place; all, if all are wanted."""
    points = np.repeat(np.eye(3, dtype=np.float32), 10, axis=0)
    for seed in range(5):
        chosen = spread_out(points, np.ones(30), 3, seed)
        assert [row // 10 for row in chosen] == [0, 1, 2]
    assert spread_out(points, np.ones(30), 30, 0) == list(range(30))
    assert spread_out(points, np.zeros(30), 5, 0)[:2] == [0, 1]  # three places, then the hardest


def test_doubt_draws_the_middle_of_a_group_near() -> None:
    angles = np.linspace(0, 0.4, 5)
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert spread_out(points, np.ones(5), 1, 0) == [2]
    assert spread_out(points, np.array([1, 0, 0, 0, 0.0]), 1, 0) == [0]


def test_one_seed_gives_one_choice() -> None:
    points, doubts = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32), np.ones(60)
    first, again, other = (spread_out(points, doubts, 10, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_it_says_between_which_classes() -> None:
    (one,) = in_doubt([2], CHANCES, ("ant", "bee", "cat"))
    assert one.why == "between 'bee' (45 %) and 'cat' (35 %)"
    assert one.to_dict()["margin"] == pytest.approx(0.1)
