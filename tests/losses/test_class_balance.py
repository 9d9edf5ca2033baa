"""Weights and offsets that make unequal classes count alike."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from edgessl.losses.class_balance import effective_number, inverse_frequency, log_prior
from edgessl.losses.mixed_cross_entropy import mixed_cross_entropy

COUNTS = torch.tensor([100, 10, 1])


def test_all_images_of_a_class_together_weigh_as_those_of_any_other() -> None:
    weights = inverse_frequency(COUNTS)
    assert torch.allclose(weights * COUNTS, torch.full((3,), 37.0))
    assert (weights * COUNTS).sum().item() == pytest.approx(111)


def test_effective_numbers_lie_between_no_weights_and_the_inverse() -> None:
    assert torch.allclose(effective_number(COUNTS, beta=0.0), torch.ones(3))
    assert torch.allclose(effective_number(COUNTS, beta=1 - 1e-7), inverse_frequency(COUNTS),
                          rtol=1e-3)  # fmt: skip
    weights = effective_number(COUNTS, beta=0.9)
    expected = [0.1 / (1 - 0.9**100), 0.1 / (1 - 0.9**10), 1.0]
    assert (weights / weights[2]).tolist() == pytest.approx(expected, rel=1e-5)
    assert (weights * COUNTS).sum().item() == pytest.approx(111, rel=1e-6)


def test_a_class_without_images_weighs_nothing() -> None:
    assert inverse_frequency(torch.tensor([3, 0])).tolist() == [1.0, 0.0]


def test_the_prior_is_the_logarithm_of_the_shares() -> None:
    expected = [math.log(count / 111) for count in (100, 10, 1)]
    assert log_prior(COUNTS).tolist() == pytest.approx(expected)


def test_a_weighted_loss_is_a_mean_over_images_however_they_are_divided() -> None:
    rng = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(8, 3, generator=rng), torch.tensor([0, 0, 0, 0, 0, 1, 1, 2])
    weights = inverse_frequency(torch.bincount(labels))

    def loss(part: slice) -> float:
        return mixed_cross_entropy(
            logits[part], labels[part], labels[part], weight=1.0, class_weights=weights
        ).item()

    whole = loss(slice(8))
    assert whole == pytest.approx((loss(slice(4)) + loss(slice(4, 8))) / 2)
    # Over the whole set it is what torch makes of such weights.
    assert whole == pytest.approx(cross_entropy(logits, labels, weight=weights).item())


def test_mixed_labels_are_weighted_each_by_its_own_class() -> None:
    logits, labels, others = torch.zeros(1, 2), torch.tensor([0]), torch.tensor([1])
    loss = mixed_cross_entropy(
        logits, labels, others, weight=0.25, class_weights=torch.tensor([1.0, 3.0])
    )
    assert loss.item() == pytest.approx((0.25 * 1 + 0.75 * 3) * math.log(2))
