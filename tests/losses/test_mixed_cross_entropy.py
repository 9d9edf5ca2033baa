"""mixed_cross_entropy agrees with a loop over classes, and has its limits."""

from __future__ import annotations

import math

import pytest
import torch
from reference.mixed_cross_entropy import slow_mixed_cross_entropy

from edgessl.losses.mixed_cross_entropy import mixed_cross_entropy

LABELS, OTHERS = torch.tensor([0, 3, 1, 2]), torch.tensor([1, 3, 0, 0])


def _logits(requires_grad: bool = False) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(4, 5, generator=rng, dtype=torch.float64).requires_grad_(requires_grad)


@pytest.mark.parametrize("weight", [1.0, 0.7, 0.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_matches_the_loop_over_classes(weight: float, smoothing: float) -> None:
    found = mixed_cross_entropy(
        _logits(), LABELS, OTHERS, weight=weight, label_smoothing=smoothing
    )
    expected = slow_mixed_cross_entropy(
        _logits().tolist(), LABELS.tolist(), OTHERS.tolist(), weight, smoothing
    )
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_equal_logits_score_log_k() -> None:
    loss = mixed_cross_entropy(torch.zeros(4, 5), LABELS, OTHERS, weight=0.3, label_smoothing=0.1)
    assert loss.item() == pytest.approx(math.log(5))


def test_the_gradient_is_the_softmax_less_the_target() -> None:
    logits = _logits(requires_grad=True)
    mixed_cross_entropy(logits, LABELS, OTHERS, weight=0.75).backward()
    target = torch.zeros(4, 5, dtype=torch.float64)
    for row in range(4):
        target[row, LABELS[row]] += 0.75
        target[row, OTHERS[row]] += 0.25
    torch.testing.assert_close(logits.grad, (logits.softmax(1) - target).detach() / 4)
