"""Distances within classes have the values that can be worked out by hand, and agree with loops."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from edgessl.metrics.intra_class import intra_class_alignment, mean_distance, tolerance


def noise(rows: int, width: int) -> Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(0)) + 0.2


def by_loops(features: Tensor, labels: list[int]) -> float:
    rows, of_classes = normalize(features, dim=1), []
    for label in set(labels):
        own = [row for row, one in zip(rows, labels, strict=True) if one == label]
        pairs = [float((a - b).square().sum()) for a, b in combinations(own, 2)]
        if pairs:
            of_classes.append(sum(pairs) / len(pairs))
    return sum(of_classes) / len(of_classes)


def test_alignment_agrees_with_loops_over_pairs_and_classes_of_different_sizes() -> None:
    features, labels = noise(12, 5), [0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3]
    expected = by_loops(features, labels)
    assert intra_class_alignment(features, torch.tensor(labels)) == pytest.approx(expected)
    assert tolerance(features, torch.tensor(labels)) == pytest.approx(1 - expected / 2)


def test_a_class_that_is_a_point_has_alignment_0_and_tolerance_1() -> None:
    features = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 1.0], [0.0, 0.5]])
    labels = torch.tensor([0, 0, 1, 1])
    assert intra_class_alignment(features, labels) == pytest.approx(0.0)
    assert tolerance(features, labels) == pytest.approx(1.0)


def test_classes_of_one_image_each_have_no_alignment() -> None:
    assert intra_class_alignment(noise(4, 3), torch.arange(4)) is None
    assert tolerance(noise(4, 3), torch.arange(4)) is None


def test_mean_distance_is_over_all_pairs() -> None:
    assert mean_distance(torch.eye(5)) == pytest.approx(2.0)
    assert mean_distance(torch.ones(5, 3)) == pytest.approx(0.0, abs=1e-12)
    features = noise(9, 4)
    assert mean_distance(features) == pytest.approx(by_loops(features, [0] * 9))
