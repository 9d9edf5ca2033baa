"""nt_xent agrees with SimCLR's equation, with S3L's and lightly's forms, and has its limits."""

from __future__ import annotations

import math

import pytest
import torch
from reference.nt_xent import slow_multi_crop_nt_xent, slow_nt_xent, slow_supcon
from reference.pairs import neutral_alpha
from torch import Tensor

from edgessl.losses.nt_xent import form_factor, nt_xent


def _projections(views: int, batch: int = 4, width: int = 5, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(views, batch, width, generator=rng)


def _loss(projections: Tensor, temperature: float = 0.1, alpha: float = 0.4) -> Tensor:
    return nt_xent(projections, global_views=2, temperature=temperature, alpha=alpha)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_matches_the_papers_equation(temperature: float) -> None:
    views = _projections(2)
    expected = slow_nt_xent(*views, temperature=temperature)
    assert _loss(views, temperature).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("views", [2, 3, 5])
@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_several_views_look_for_their_image_in_each_global_view(views: int, alpha: float) -> None:
    projections = _projections(views)
    expected = slow_multi_crop_nt_xent(projections, global_views=2, temperature=0.3, alpha=alpha)
    assert _loss(projections, 0.3, alpha).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("locals_", [1, 6])
def test_the_neutral_alpha_is_the_plain_mean_over_all_pairs(locals_: int) -> None:
    views = _projections(2 + locals_)
    pairs = [
        slow_multi_crop_nt_xent(
            torch.stack([views[g], views[v]]), global_views=1, temperature=0.2, alpha=0.0
        )
        for g in range(2)
        for v in range(len(views))
        if v != g
    ]
    loss = _loss(views, 0.2, neutral_alpha(2, len(views)))
    assert loss.item() == pytest.approx(sum(pairs) / len(pairs), rel=1e-5)


def test_agrees_with_lightly() -> None:
    lightly_loss = pytest.importorskip("lightly.loss")
    first, second = _projections(2, batch=8)
    theirs = lightly_loss.NTXentLoss(temperature=0.1)(first, second)
    torch.testing.assert_close(_loss(torch.stack([first, second])), theirs)


def test_s3ls_form_is_the_mean_times_1_4286() -> None:
    views = _projections(2)
    expected = slow_supcon(
        views.flatten(0, 1), list(range(4)) * 2, temperature=0.1, base_temperature=0.07
    )
    factor = form_factor("supcon", 0.1)
    assert factor == pytest.approx(1.4286, abs=1e-4)
    assert factor * _loss(views).item() == pytest.approx(expected, rel=1e-5)


def test_coles_form_is_the_sum_of_the_two_directions() -> None:
    views = _projections(2)
    rows = views.flatten(0, 1)
    cosines = torch.nn.functional.cosine_similarity(rows[:, None], rows[None], dim=-1) / 0.1
    cosines.fill_diagonal_(-torch.inf)
    log_prob = cosines.log_softmax(dim=1)
    found = -torch.stack([log_prob[i, (i + 4) % 8] for i in range(8)])
    torch.testing.assert_close(
        form_factor("sum", 0.1) * _loss(views), found[:4].mean() + found[4:].mean()
    )


@pytest.mark.parametrize("batch", [2, 8])
def test_collapsed_projections_score_log_of_the_candidates(batch: int) -> None:
    loss = _loss(torch.ones(8, batch, 5))
    assert loss.item() == pytest.approx(math.log(2 * batch - 1), rel=1e-6)


def test_images_at_right_angles_with_equal_views_score_nearly_zero() -> None:
    loss = _loss(torch.eye(4).expand(3, -1, -1), temperature=0.05)
    # 1 against 2B - 2 = 6 candidates at cosine 0
    assert loss.item() == pytest.approx(math.log(1.0 + 6.0 * math.exp(-20.0)), abs=1e-6)


def test_length_of_projections_and_order_of_images_do_not_matter() -> None:
    views = _projections(3)
    changed = views[:, [2, 0, 3, 1]] * torch.tensor([1.0, 20.0, 0.1])[:, None, None]
    torch.testing.assert_close(_loss(changed), _loss(views))


def test_gradients_reach_every_view() -> None:
    views = _projections(4).requires_grad_()
    _loss(views).backward()
    assert views.grad is not None
    assert bool((views.grad.abs().amax(dim=-1) > 0).all())


def test_autocast_does_not_lower_its_precision() -> None:
    views = _projections(2)
    with torch.autocast("cpu", torch.bfloat16):
        lowered = _loss(views)
    assert torch.equal(lowered, _loss(views))
