"""swav_loss agrees with the paper's loops and with lightly, and has the properties it should."""

from __future__ import annotations

import math

import pytest
import torch
from reference.swav import slow_sinkhorn, slow_swav_loss
from torch import Tensor
from torch.nn.functional import normalize

from edgessl.losses.sinkhorn import sinkhorn
from edgessl.losses.swav import swav_loss

PROTOTYPES, BATCH = 7, 5


def _cosines(*shape: int, seed: int = 0) -> Tensor:
    """Return scores of normalised projections against normalised prototypes, float64."""
    rng = torch.Generator().manual_seed(seed)
    draws = [
        torch.randn(*rows, 4, generator=rng, dtype=torch.float64)
        for rows in (shape, (PROTOTYPES,))
    ]
    projections, prototypes = (normalize(draw, dim=-1) for draw in draws)
    return projections @ prototypes.T


def _assign(scores: Tensor, epsilon: float = 0.05) -> Tensor:
    return torch.stack([sinkhorn(view, epsilon=epsilon) for view in scores])


@pytest.mark.parametrize("views", [2, 3, 8])
@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_matches_the_paper(views: int, alpha: float) -> None:
    scores = _cosines(views, BATCH)
    expected = slow_swav_loss(scores, global_views=2, temperature=0.1, epsilon=0.05, alpha=alpha)
    loss = swav_loss(_assign(scores[:2]), scores, temperature=0.1, alpha=alpha)
    assert loss.item() == pytest.approx(expected, rel=1e-9)


def test_sinkhorn_matches_the_paper() -> None:
    scores = _cosines(BATCH)
    expected = slow_sinkhorn(scores.tolist(), epsilon=0.05, iterations=3)
    found = sinkhorn(scores, epsilon=0.05)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_the_neutral_alpha_is_the_plain_mean_over_all_pairs() -> None:
    scores = _cosines(8, BATCH)
    targets = _assign(scores[:2])
    pairs = [
        -(targets[g] * (scores[v] / 0.1).log_softmax(dim=-1)).sum(dim=-1).mean()
        for g in range(2)
        for v in range(8)
        if v != g
    ]
    assert len(pairs) == 14
    for alpha in (1 / 7, 0.142857):  # the configs round it
        loss = swav_loss(targets, scores, temperature=0.1, alpha=alpha)
        torch.testing.assert_close(loss, torch.stack(pairs).mean(), rtol=0, atol=1e-6)


def test_collapse_scores_log_k() -> None:
    scores = torch.full((8, BATCH, PROTOTYPES), 0.3)
    loss = swav_loss(_assign(scores[:2]), scores, temperature=0.1, alpha=0.4)
    assert loss.item() == pytest.approx(math.log(PROTOTYPES), rel=1e-6)


def test_no_gradient_reaches_the_assignments() -> None:
    scores = _cosines(4, BATCH)
    targets = _assign(scores[:2]).requires_grad_()
    swav_loss(targets, scores.requires_grad_(), temperature=0.1, alpha=0.4).backward()
    assert targets.grad is None
    assert scores.grad is not None
    assert scores.grad.abs().sum() > 0


def test_a_view_is_never_compared_with_itself() -> None:
    scores = _cosines(2, BATCH)
    targets = _assign(scores)
    targets[0] = 0.0  # leaves the pair of view 1's assignment and view 0's prediction
    swav_loss(targets, scores.requires_grad_(), temperature=0.1, alpha=0.4).backward()
    assert scores.grad is not None
    assert scores.grad[0].abs().sum() > 0
    assert scores.grad[1].abs().sum() == 0


def test_half_precision_is_computed_in_fp32() -> None:
    scores = _cosines(4, BATCH).bfloat16()
    targets = _assign(scores[:2])
    assert targets.dtype == torch.float32
    assert swav_loss(targets, scores, temperature=0.1, alpha=0.4).dtype == torch.float32


@pytest.mark.parametrize("queued", [False, True])
def test_agrees_with_lightly(queued: bool) -> None:
    lightly_loss = pytest.importorskip("lightly.loss")
    scores, earlier = _cosines(8, BATCH), _cosines(2, 10, seed=1)
    theirs = lightly_loss.SwaVLoss(temperature=0.1, sinkhorn_epsilon=0.05)
    expected = theirs(list(scores[:2]), list(scores[2:]), list(earlier) if queued else None)
    everything = torch.cat([scores[:2], earlier], dim=1) if queued else scores[:2]
    targets = _assign(everything)[:, :BATCH]
    loss = swav_loss(targets, scores, temperature=0.1, alpha=1 / 7)
    torch.testing.assert_close(loss, expected.squeeze(0))
