"""BYOL's student predicts a teacher that only follows it."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from edgessl.backbones import Backbone
from edgessl.losses.byol import byol_loss
from edgessl.methods.byol import Byol
from edgessl.optim import build_optimizer, set_hyperparameters
from edgessl.recipe.method_tables.byol import ByolTable
from edgessl.recipe.method_tables.projection import Projection
from edgessl.recipe.optim_tables import Sgd
from edgessl.schedules import Clock

HEAD = Projection(hidden_dims=(16,), batch_norm=True, out_dim=8)
TABLE = ByolTable(name="byol", projector=HEAD, predictor=HEAD)
BATCH = 4
CLOCK = Clock(0, 2, 10)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """A MobileNetV2 without its last stage; tests copy it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Backbone("mobilenetv2", "remove", 32)


def _method(backbone: Backbone, **changes: object) -> Byol:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Byol(copy.deepcopy(backbone), TABLE.model_copy(update=changes)).train()


def _views(locals_: int = 0, seed: int = 0) -> list[Tensor]:
    rng = torch.Generator().manual_seed(seed)
    views = [torch.randn(2, BATCH, 3, 32, 32, generator=rng)]
    if locals_:
        views.append(torch.randn(locals_, BATCH, 3, 16, 16, generator=rng))
    return views


def _sizes_seen(network: nn.Module) -> list[tuple[int, ...]]:
    sizes: list[tuple[int, ...]] = []
    network.register_forward_pre_hook(lambda _m, inputs: sizes.append(tuple(inputs[0].shape)))
    return sizes


def test_the_teacher_starts_equal_and_takes_no_gradient(backbone: Backbone) -> None:
    method = _method(backbone)
    for student, teacher in (
        (method.backbone, method.teacher_backbone), (method.projector, method.teacher_projector),
    ):
        ours, theirs = student.state_dict(), teacher.state_dict()
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    method(_views(1), None, CLOCK).loss.backward()
    trained = {name for name, p in method.named_parameters() if p.grad is not None}
    assert trained == {n for n, _ in method.named_parameters() if not n.startswith("teacher")}


@pytest.mark.parametrize("locals_", [0, 2])
def test_each_view_predicts_the_teachers_projection_of_the_other(
    backbone: Backbone, locals_: int
) -> None:
    method, views = _method(backbone), _views(locals_)
    twin = copy.deepcopy(method)
    with torch.no_grad():
        predictions = torch.stack([
            twin.predictor(twin.projector(twin.backbone(view))) for group in views for view in group
        ])  # fmt: skip
        targets = torch.stack([
            twin.teacher_projector(twin.teacher_backbone(view)) for view in views[0]
        ])  # fmt: skip
    loss = method(views, None, CLOCK).loss.detach()
    torch.testing.assert_close(loss, byol_loss(targets, predictions, alpha=0.4))


def test_views_go_on_their_own_unless_told_to_go_together(backbone: Backbone) -> None:
    apart, together = _method(backbone), _method(backbone, views_together=True)
    sizes = [
        _sizes_seen(network)
        for method in (apart, together)
        for network in (method.backbone, method.projector, method.predictor)
    ]
    for method in (apart, together):
        method(_views(3), None, CLOCK)
    view, local = (BATCH, 3, 32, 32), (BATCH, 3, 16, 16)
    assert sizes[0] == [view, view, local, local, local]
    assert [rows for rows, _ in sizes[1] + sizes[2]] == [BATCH] * 10
    assert sizes[3] == [(2 * BATCH, 3, 32, 32), (3 * BATCH, 3, 16, 16)]
    assert [rows for rows, _ in sizes[4] + sizes[5]] == [5 * BATCH] * 2


def test_the_teacher_sees_the_global_views_only(backbone: Backbone) -> None:
    method = _method(backbone)
    sizes = _sizes_seen(method.teacher_backbone)
    method(_views(3), None, CLOCK)
    assert sizes == [(BATCH, 3, 32, 32)] * 2


def test_the_teacher_moves_after_the_step_in_its_parameters_only(backbone: Backbone) -> None:
    method = _method(backbone, teacher_momentum=(0.9, 0.9))
    before = [p.clone() for p in method.teacher_backbone.parameters()]
    method(_views(), None, CLOCK)
    teacher = list(method.teacher_backbone.parameters())
    assert all(torch.equal(p, b) for p, b in zip(teacher, before, strict=True))
    statistics = {n: b.clone() for n, b in method.teacher_backbone.named_buffers()}
    with torch.no_grad():
        for parameter in method.backbone.parameters():
            parameter.add_(1.0)
        for name, buffer in method.backbone.named_buffers():
            if "running" in name:
                buffer.add_(1.0)
    method.after_step(CLOCK)
    for now, then in zip(teacher, before, strict=True):
        torch.testing.assert_close(now.data, then.data + 0.1)
    for name, buffer in method.teacher_backbone.named_buffers():
        assert torch.equal(buffer, statistics[name]), name


def test_the_teachers_batch_norm_statistics_are_its_own(backbone: Backbone) -> None:
    method = _method(backbone)
    optim = Sgd(name="sgd", lr=0.1, lr_batch=0)
    optimizer = build_optimizer(method, optim)
    for step in range(2):
        clock = Clock(step, 2, 10)
        set_hyperparameters(optimizer, optim, clock, BATCH)
        torch.autograd.backward(method(_views(seed=step), None, clock).loss)
        optimizer.step()
        method.after_step(clock)
    ours = {n: b for n, b in method.backbone.named_buffers() if "running" in n}
    theirs = dict(method.teacher_backbone.named_buffers())
    assert ours
    assert not any(torch.equal(buffer, theirs[name]) for name, buffer in ours.items())


def test_a_collapsed_network_has_no_loss_and_no_chance_to_beat(backbone: Backbone) -> None:
    method = _method(backbone)
    for head in (method.projector, method.teacher_projector, method.predictor):
        last = head[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.ones_(last.bias)
    step = method(_views(), None, CLOCK)
    assert step.loss.item() == pytest.approx(0.0, abs=1e-5)
    assert step.log["chance_loss"].item() == pytest.approx(0.0, abs=1e-5)
    assert step.log["below_chance"].item() == pytest.approx(0.0, abs=1e-2)
    assert step.log["spread"].item() == pytest.approx(0.0, abs=1e-3)
    assert step.log["positive_similarity"].item() == pytest.approx(1.0)


def test_targets_in_all_directions_leave_much_to_learn(backbone: Backbone) -> None:
    log = _method(backbone)(_views(), None, CLOCK).log
    assert 0.5 < log["chance_loss"].item() <= 4.0
    assert log["spread"].item() > 0.3


def test_the_spread_loss_is_added_with_its_weight_and_not_reported_as_byols(
    backbone: Backbone,
) -> None:
    steps = [
        _method(backbone, spread_weight=weight)(_views(), None, CLOCK) for weight in (0.0, 0.5, 1.0)
    ]
    plain, half, whole = (step.loss.detach() for step in steps)
    torch.testing.assert_close(whole - plain, 2.0 * (half - plain), rtol=1e-4, atol=1e-5)
    assert -4.0 <= (whole - plain).item() < 0.0
    for step in steps:
        torch.testing.assert_close(step.log["byol_loss"], plain)


def test_a_few_steps_on_the_same_views_lower_the_loss(backbone: Backbone) -> None:
    method = _method(backbone)
    optim = Sgd(name="sgd", lr=0.05, lr_batch=0, momentum=0.0)
    optimizer = build_optimizer(method, optim)
    losses = []
    for _ in range(6):
        step = method(_views(1), None, CLOCK)
        losses.append(step.loss.item())
        set_hyperparameters(optimizer, optim, Clock(0, 1, 10), BATCH)
        optimizer.zero_grad(set_to_none=True)
        step.loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0]
