"""dino_loss agrees with the paper's double loop, and has the properties it should."""

from __future__ import annotations

import math

import pytest
import torch
from reference.dino import slow_dino_loss
from reference.pairs import neutral_alpha
from torch import Tensor

from edgessl.losses.dino import dino_loss, dino_targets

PROTOTYPES = 7


def _logits(*views: int, batch: int = 3, seed: int = 0) -> list[Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return [torch.randn(count, batch, PROTOTYPES, generator=rng) for count in views]


@pytest.mark.parametrize("views", [2, 4, 8])
@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_matches_the_paper(views: int, alpha: float) -> None:
    teacher, student = _logits(2, views)
    center = torch.linspace(-1.0, 1.0, PROTOTYPES)
    targets = dino_targets(teacher, center, 0.5)
    expected = slow_dino_loss(
        teacher, student, center, teacher_temp=0.5, student_temp=0.3, alpha=alpha
    )
    loss = dino_loss(targets, student, student_temp=0.3, alpha=alpha)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("locals_", "alpha"), [(6, 1 / 7), (10, 1 / 11)])
def test_the_neutral_alpha_is_the_plain_mean_over_all_pairs(locals_: int, alpha: float) -> None:
    views = 2 + locals_
    assert neutral_alpha(2, views) == pytest.approx(alpha)
    teacher, student = _logits(2, views)
    targets = dino_targets(teacher, torch.zeros(PROTOTYPES), 0.1)
    pairs = [
        dino_loss(targets[[g]].expand(2, -1, -1), student[[v, v]], student_temp=0.1, alpha=0.0)
        for g in range(2)
        for v in range(views)
        if v != g
    ]
    assert len(pairs) == 2 + 2 * locals_
    loss = dino_loss(targets, student, student_temp=0.1, alpha=alpha)
    torch.testing.assert_close(loss, torch.stack(pairs).mean())


def test_collapsed_student_scores_log_k() -> None:
    teacher, _ = _logits(2, 8)
    targets = dino_targets(teacher, torch.zeros(PROTOTYPES), 0.04)
    student = torch.full((8, 3, PROTOTYPES), 5.0)
    loss = dino_loss(targets, student, student_temp=0.1, alpha=0.4)
    assert loss.item() == pytest.approx(math.log(PROTOTYPES), rel=1e-6)


def test_a_student_that_repeats_a_sharp_teacher_scores_zero() -> None:
    teacher = torch.eye(PROTOTYPES)[:3].expand(2, 3, PROTOTYPES) * 10
    targets = dino_targets(teacher, torch.zeros(PROTOTYPES), 0.1)
    loss = dino_loss(targets, teacher.repeat(4, 1, 1), student_temp=0.1, alpha=0.4)
    assert loss.item() == pytest.approx(0.0, abs=1e-6)


def test_a_view_is_never_compared_with_itself() -> None:
    teacher, student = _logits(2, 2)
    targets = dino_targets(teacher, torch.zeros(PROTOTYPES), 0.1)
    changed = targets.clone()
    changed[0] = 0.0  # leaves only the pair of teacher view 1 and student view 0
    student.requires_grad_()
    dino_loss(changed, student, student_temp=0.1, alpha=0.4).backward()
    assert student.grad is not None
    assert student.grad[0].abs().sum() > 0
    assert student.grad[1].abs().sum() == 0


def test_no_gradient_reaches_the_teacher() -> None:
    teacher, student = _logits(2, 4)
    teacher.requires_grad_()
    targets = dino_targets(teacher, torch.zeros(PROTOTYPES), 0.1)
    assert not targets.requires_grad
    dino_loss(targets, student.requires_grad_(), student_temp=0.1, alpha=0.4).backward()
    assert teacher.grad is None
    assert student.grad is not None


def test_the_centre_shifts_the_teachers_logits() -> None:
    teacher, _ = _logits(2, 2)
    center = torch.arange(PROTOTYPES) / 10.0
    shifted = dino_targets(teacher - center, torch.zeros(PROTOTYPES), 0.1)
    torch.testing.assert_close(dino_targets(teacher, center, 0.1), shifted)


def test_order_of_the_samples_does_not_matter() -> None:
    teacher, student = _logits(2, 5)
    targets = dino_targets(teacher, torch.zeros(PROTOTYPES), 0.1)
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(
        dino_loss(targets[:, order], student[:, order], student_temp=0.1, alpha=0.4),
        dino_loss(targets, student, student_temp=0.1, alpha=0.4),
    )


@pytest.mark.parametrize("views", [2, 8])
def test_agrees_with_lightly(views: int) -> None:
    lightly_loss = pytest.importorskip("lightly.loss")
    teacher, student = _logits(2, views)
    center = torch.linspace(-0.5, 0.5, PROTOTYPES)
    theirs = lightly_loss.DINOLoss(output_dim=PROTOTYPES, student_temp=0.1)
    theirs.center.copy_(center)
    expected = theirs(list(teacher), list(student), teacher_temp=0.05)
    ours = dino_loss(
        dino_targets(teacher, center, 0.05), student, student_temp=0.1,
        alpha=neutral_alpha(2, views),
    )
    torch.testing.assert_close(ours, expected)
