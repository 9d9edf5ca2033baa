"""byol_loss is the squared distance of the papers, both directions summed."""

from __future__ import annotations

import pytest
import torch
from reference.byol import slow_byol_loss
from reference.pairs import neutral_alpha
from torch import Tensor
from torch.nn.functional import normalize

from edgessl.losses.byol import byol_loss, chance_loss


def _outputs(*views: int, batch: int = 3, width: int = 5) -> list[Tensor]:
    rng = torch.Generator().manual_seed(0)
    return [torch.randn(count, batch, width, generator=rng) for count in views]


@pytest.mark.parametrize("views", [2, 3, 8])
@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_matches_the_paper(views: int, alpha: float) -> None:
    targets, predictions = _outputs(2, views)
    expected = slow_byol_loss(targets, predictions, alpha=alpha)
    loss = byol_loss(targets, predictions, alpha=alpha)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_the_neutral_alpha_is_the_plain_mean_over_all_pairs() -> None:
    targets, predictions = _outputs(2, 8)
    pairs = [
        slow_byol_loss(targets[[g]], predictions[[v, v]], alpha=0.0)
        for g in range(2)
        for v in range(8)
        if v != g
    ]
    loss = byol_loss(targets, predictions, alpha=neutral_alpha(2, 8))
    assert loss.item() == pytest.approx(sum(pairs) / len(pairs), rel=1e-5)


def test_agrees_with_lightly() -> None:
    lightly_loss = pytest.importorskip("lightly.loss")
    targets, predictions = _outputs(2, 2)
    negative = lightly_loss.NegativeCosineSimilarity()
    first, second = negative(predictions[0], targets[1]), negative(predictions[1], targets[0])
    loss = byol_loss(targets, predictions)
    torch.testing.assert_close(loss, 4.0 + 2.0 * first + 2.0 * second)


def test_it_lies_between_0_and_8() -> None:
    targets, _ = _outputs(2, 2)
    same = targets[[1, 0, 0]] * 3.0  # each view predicts the other's target
    assert byol_loss(targets, same[:2]).item() == pytest.approx(0.0, abs=1e-6)
    assert byol_loss(targets, -same[:2]).item() == pytest.approx(8.0, rel=1e-6)
    right_angles = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]])
    assert byol_loss(right_angles, right_angles.flip(-1)).item() == pytest.approx(4.0)


def test_no_gradient_reaches_the_teacher() -> None:
    targets, predictions = _outputs(2, 4)
    targets.requires_grad_()
    byol_loss(targets, predictions.requires_grad_(), alpha=0.4).backward()
    assert targets.grad is None
    assert predictions.grad is not None
    assert bool((predictions.grad.abs().amax(dim=-1) > 0).all())


def test_the_best_prediction_that_is_the_same_for_all_images_scores_the_chance_loss() -> None:
    targets = normalize(_outputs(2)[0], dim=-1)
    means = targets.mean(dim=1)
    constant = means.flip(0)[:, None].expand(-1, 3, -1)  # each predicts the other view's mean
    assert chance_loss(means).item() == pytest.approx(byol_loss(targets, constant).item(), rel=1e-5)
    other = constant + 0.3
    assert byol_loss(targets, other) > chance_loss(means)


def test_the_chance_loss_is_0_for_collapsed_targets_and_4_for_opposite_ones() -> None:
    assert chance_loss(torch.tensor([[1.0, 0.0], [0.0, 1.0]])).item() == 0.0
    assert chance_loss(torch.zeros(2, 2)).item() == 4.0
