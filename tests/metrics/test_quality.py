"""Signals of quality have the values that can be worked out by hand, and agree with slow loops."""

from __future__ import annotations

from math import exp, log

import pytest
import torch
from torch import Tensor

from edgessl.metrics import quality
from edgessl.metrics.quality import (
    alignment,
    effective_rank,
    pair_figures,
    retrieval_top1,
    uniformity,
)


def noise(rows: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


def unit(features: Tensor) -> Tensor:
    return torch.nn.functional.normalize(features, dim=1)


def test_alignment_of_equal_features_is_0_and_of_opposite_ones_4() -> None:
    features = noise(20, 8)
    assert alignment(features, 3.0 * features) == pytest.approx(0.0, abs=1e-5)
    assert alignment(features, -features) == pytest.approx(4.0, rel=1e-5)


def test_alignment_is_the_mean_squared_distance_of_normalised_features() -> None:
    one, other = noise(20, 8), noise(20, 8, seed=1) + 1.0
    squared = [(a - b).square().sum() for a, b in zip(unit(one), unit(other), strict=True)]
    assert alignment(one, other) == pytest.approx(float(sum(squared)) / 20, rel=1e-5)


def test_uniformity_of_orthonormal_features_is_minus_4_and_of_identical_ones_0() -> None:
    assert uniformity(torch.eye(128, 200)) == pytest.approx(-4.0, rel=1e-5)
    assert uniformity(torch.ones(128, 200)) == pytest.approx(0.0, abs=1e-5)


def test_uniformity_agrees_with_the_formula_written_as_loops() -> None:
    features = noise(9, 5) + 0.3
    rows = unit(features)
    pairs = [exp(-2.0 * float((rows[i] - rows[j]).square().sum()))
             for i in range(9) for j in range(i)]  # fmt: skip
    assert uniformity(features) == pytest.approx(log(sum(pairs) / len(pairs)), rel=1e-5)


def test_uniformity_is_the_mean_over_three_disjoint_subsets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Tensor] = []

    def remember(features: Tensor, t: float) -> float:
        seen.append(features[:, 0])
        return float(len(seen))

    monkeypatch.setattr(quality, "_log_potential", remember)
    assert uniformity(torch.arange(500.0)[:, None]) == 2.0  # the mean of 1, 2, 3
    assert [len(subset) for subset in seen] == [128, 128, 128]
    assert len(set(torch.cat(seen).tolist())) == 3 * 128


def test_effective_rank_of_equal_singular_values_is_their_number() -> None:
    assert effective_rank(torch.eye(30, 50)) == pytest.approx(30.0, rel=1e-3)
    assert effective_rank(torch.ones(30, 50)) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(("rows", "width"), [(20, 7), (7, 20)])
def test_effective_rank_is_the_exponential_of_the_entropy_of_singular_values(
    rows: int, width: int
) -> None:
    features = noise(rows, width) * torch.linspace(0.2, 2.0, width)
    values = torch.linalg.svdvals(features.double())
    shares = values / values.sum()
    expected = exp(float(-(shares * shares.log()).sum()))
    assert effective_rank(features) == pytest.approx(expected, rel=1e-4)


def test_retrieval_finds_views_that_are_alike_and_not_those_that_are_unrelated() -> None:
    features = noise(50, 32)
    assert retrieval_top1(features, features + 0.01 * noise(50, 32, seed=1)) == 100.0
    assert retrieval_top1(features, noise(50, 32, seed=2)) < 20.0


def test_identical_features_of_all_images_find_nothing() -> None:
    features = torch.ones(10, 4)
    assert retrieval_top1(features, features) == 0.0


def test_retrieval_agrees_with_loops() -> None:
    one, other = noise(30, 6), noise(30, 6) + 0.8 * noise(30, 6, seed=3)
    found = 0
    for i in range(30):
        positive = float(torch.cosine_similarity(one[i], other[i], dim=0))
        found += all(
            positive > float(torch.cosine_similarity(one[i], one[j], dim=0))
            for j in range(30) if j != i
        )  # fmt: skip
    assert 0 < found < 30
    assert retrieval_top1(one, other) == pytest.approx(100.0 * found / 30)


def test_retrieval_does_not_depend_on_how_many_are_compared_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = noise(30, 6), noise(30, 6) + 0.8 * noise(30, 6, seed=3)
    whole = retrieval_top1(one, other)
    monkeypatch.setattr(quality, "_CHUNK", 7)
    assert retrieval_top1(one, other) == whole


def test_figures_of_pairs_are_the_four_signals() -> None:
    one, other = noise(40, 8), noise(40, 8, seed=1)
    assert pair_figures(one, other) == {
        "alignment": alignment(one, other), "uniformity": uniformity(one),
        "effective_rank": effective_rank(one), "retrieval_top1": retrieval_top1(one, other),
    }  # fmt: skip
