"""uniformity_loss: a number you can work out in your head, and a gradient that spreads."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from edgessl.losses.uniformity import uniformity_loss


def test_orthonormal_embeddings_score_minus_four() -> None:
    assert uniformity_loss(torch.eye(8)).item() == pytest.approx(-4.0, abs=1e-5)


def test_identical_embeddings_score_zero() -> None:
    same = normalize(torch.ones(8, 4), dim=1)
    assert uniformity_loss(same).item() == pytest.approx(0.0, abs=1e-5)


def test_opposite_pairs_score_minus_four_t() -> None:
    pair = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert uniformity_loss(pair, t=1.0).item() == pytest.approx(-4.0, abs=1e-5)


def test_a_step_down_its_gradient_moves_embeddings_apart() -> None:
    rng = torch.Generator().manual_seed(0)
    start = normalize(1.0 + 0.1 * torch.randn(8, 4, generator=rng), dim=1).requires_grad_()
    loss = uniformity_loss(start)
    loss.backward()
    assert start.grad is not None
    assert torch.isfinite(start.grad).all()
    moved = normalize((start - 0.05 * start.grad).detach(), dim=1)
    assert uniformity_loss(moved) < loss
