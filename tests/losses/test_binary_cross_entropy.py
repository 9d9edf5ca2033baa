"""The losses of several labels an image agree with the papers' sums, class by class."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from edgessl.losses.binary_cross_entropy import asymmetric_loss, binary_cross_entropy


def batch(seed: int = 0) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    logits = 2.0 * torch.randn(5, 4, generator=draw)
    return logits, (torch.rand(5, 4, generator=draw) < 0.4).float()


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_matches_the_sum_over_images_and_classes(smoothing: float) -> None:
    logits, targets = batch()
    total = 0.0
    for logit, target in zip(logits.flatten().tolist(), targets.flatten().tolist(), strict=True):
        soft = target * (1 - smoothing) + smoothing / 2
        chance = 1 / (1 + math.exp(-logit))
        total -= soft * math.log(chance) + (1 - soft) * math.log(1 - chance)
    found = binary_cross_entropy(logits, targets, label_smoothing=smoothing)
    assert float(found) == pytest.approx(total / 20, abs=1e-6)


def test_the_asymmetric_loss_matches_the_paper() -> None:
    logits, targets = batch(1)
    total = 0.0
    for logit, target in zip(logits.flatten().tolist(), targets.flatten().tolist(), strict=True):
        chance = 1 / (1 + math.exp(-logit))
        shifted = max(chance - 0.05, 0.0)
        total -= (1 - chance) ** 1 * math.log(chance) if target else (
            shifted**4 * math.log(1 - shifted)
        )
    found = asymmetric_loss(logits, targets, gamma_shown=1.0)
    assert float(found) == pytest.approx(total / 20, abs=1e-6)


def test_without_focus_and_clip_both_are_the_same() -> None:
    logits, targets = batch(2)
    same = asymmetric_loss(logits, targets, gamma_absent=0.0, clip=0.0)
    assert float(same) == pytest.approx(float(binary_cross_entropy(logits, targets)), abs=1e-6)


def test_what_an_image_easily_does_not_show_costs_nothing() -> None:
    logits = torch.tensor([[-5.0]], requires_grad=True)
    loss = asymmetric_loss(logits, torch.zeros(1, 1))
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert logits.grad.item() == 0.0
