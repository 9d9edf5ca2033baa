"""DINO trains a student against a teacher that only follows it."""

from __future__ import annotations

import copy
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from edgessl.backbones import Backbone
from edgessl.losses.dino import dino_loss, dino_targets
from edgessl.methods.dino import Dino
from edgessl.optim import build_optimizer, set_hyperparameters
from edgessl.recipe.method_tables.dino import DinoTable
from edgessl.recipe.optim_tables import AdamW, Lars, Optim, Sgd
from edgessl.schedules import Clock

TABLE = DinoTable(
    name="dino", hidden_dim=16, bottleneck_dim=8, prototypes=12, teacher_momentum=(0.9, 1.0)
)
BATCH = 4


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """A MobileNetV2 without its last stage; tests copy it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Backbone("mobilenetv2", "remove", 32)


def _method(backbone: Backbone, table: DinoTable = TABLE) -> Dino:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Dino(copy.deepcopy(backbone), table).train()


def _views(seed: int = 0, locals_: int = 2) -> list[Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return [
        torch.randn(2, BATCH, 3, 32, 32, generator=rng),
        torch.randn(locals_, BATCH, 3, 16, 16, generator=rng),
    ]


def _train(method: Dino, steps: int, optim: Optim, steps_per_epoch: int = 2) -> None:
    optimizer = build_optimizer(method, optim)
    for step in range(steps):
        clock = Clock(step, steps_per_epoch, 10)
        set_hyperparameters(optimizer, optim, clock, BATCH)
        torch.autograd.backward(method(_views(step), None, clock).loss)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        method.after_step(clock)


def _buffers(module: nn.Module) -> dict[str, Tensor]:
    return {name: buffer for name, buffer in module.named_buffers() if "running" in name}


def test_the_teacher_starts_equal_and_takes_no_gradient(backbone: Backbone) -> None:
    method = _method(backbone)
    for student, teacher in (
        (method.backbone, method.teacher_backbone), (method.head, method.teacher_head),
    ):
        ours, theirs = student.state_dict(), teacher.state_dict()
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
        assert not any(p.requires_grad for p in teacher.parameters())
    method(_views(), None, Clock(0, 2, 10)).loss.backward()
    assert all(p.grad is None for p in method.teacher_backbone.parameters())
    trained = [p for p in method.backbone.parameters() if p.requires_grad]
    assert all(p.grad is not None for p in trained)


def test_the_teacher_moves_only_by_the_moving_average(backbone: Backbone) -> None:
    method = _method(backbone)
    before = [p.clone() for p in method.teacher_backbone.parameters()]
    method(_views(), None, Clock(0, 2, 10)).loss.backward()
    teacher = list(method.teacher_backbone.parameters())
    assert all(torch.equal(p, b) for p, b in zip(teacher, before, strict=True))
    with torch.no_grad():
        for parameter in method.backbone.parameters():
            parameter.add_(1.0)
    method.after_step(Clock(0, 2, 10))
    for now, then in zip(teacher, before, strict=True):
        torch.testing.assert_close(now.data, then.data + 0.1)  # momentum 0.9


def test_the_teachers_batch_norm_statistics_are_its_own(backbone: Backbone) -> None:
    method = _method(backbone)
    _train(method, 3, Sgd(name="sgd", lr=0.1))
    student, teacher = _buffers(method.backbone), _buffers(method.teacher_backbone)
    assert student.keys() == teacher.keys()
    assert student
    assert not any(torch.equal(student[name], teacher[name]) for name in student)


@pytest.mark.parametrize(
    "optim",
    [
        Sgd(name="sgd", lr=1.0, lr_batch=0, weight_decay=(0.1, 0.1)),
        Lars(name="lars", lr=1.0, lr_batch=0, weight_decay=(0.1, 0.1)),
        AdamW(name="adamw", lr=0.1, lr_batch=0, weight_decay=(0.1, 0.1)),
    ],
    ids=lambda table: table.name,
)
def test_a_frozen_last_layer_gains_neither_weights_nor_momentum(
    backbone: Backbone, optim: Optim
) -> None:
    table = TABLE.model_copy(update={"freeze_last_layer_epochs": 1, "train_gain": True})
    method = _method(backbone, table)
    direction, gain = method.head.direction.clone(), method.head.gain.clone()
    optimizer = build_optimizer(method, optim)
    for step in range(3):
        clock = Clock(step, 2, 10)
        set_hyperparameters(optimizer, optim, clock, BATCH)
        result = method(_views(step), None, clock)
        result.loss.backward()
        for parameter in result.frozen:
            parameter.grad = None
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        same = torch.equal(method.head.direction, direction) and torch.equal(method.head.gain, gain)
        assert same is (step < 2), f"step {step}"
        memory = optimizer.state.get(method.head.direction, {}).values()
        assert any(bool(value.any()) for value in memory) is (step >= 2)


def test_a_frozen_last_layer_has_a_gradient_to_exchange(backbone: Backbone) -> None:
    method = _method(backbone, TABLE.model_copy(update={"freeze_last_layer_epochs": 1}))
    method(_views(), None, Clock(0, 2, 10)).loss.backward()
    assert all(p.grad is not None for p in method.parameters() if p.requires_grad)


def test_the_centre_moves_after_the_step(backbone: Backbone) -> None:
    method = _method(backbone)
    views, clock = _views(), Clock(0, 2, 10)
    twin = copy.deepcopy(method)
    with torch.no_grad():
        features = torch.cat([twin.backbone(group.flatten(0, 1)) for group in views])
        student = twin.head(features)[1].view(4, BATCH, -1)
        teacher = twin.teacher_head(twin.teacher_backbone(views[0].flatten(0, 1)))[1]
        old = torch.zeros(TABLE.prototypes)
        expected = dino_loss(
            dino_targets(teacher.view(2, BATCH, -1), old, 0.07), student,
            student_temp=0.1, alpha=0.4,
        )
    loss = method(views, None, clock).loss.detach()
    torch.testing.assert_close(loss, expected)
    assert not cast(Tensor, method.center).any()
    method.after_step(clock)
    torch.testing.assert_close(cast(Tensor, method.center), 0.1 * teacher.mean(dim=0))


def test_the_centre_moves_once_a_step_to_the_mean_of_all_its_micro_batches(
    backbone: Backbone,
) -> None:
    method, clock = _method(backbone), Clock(3, 2, 10)
    with torch.no_grad():
        teacher = torch.stack([
            method.teacher_head(method.teacher_backbone(_views(seed)[0].flatten(0, 1)))[1]
            for seed in (0, 1)
        ])  # fmt: skip
        method(_views(2), None, Clock(2, 2, 10))  # of a step that was skipped
        for seed in (0, 1):
            method(_views(seed), None, clock)
        method.after_step(clock)
    torch.testing.assert_close(cast(Tensor, method.center), 0.1 * teacher.mean(dim=(0, 1)))


def test_local_views_do_not_touch_the_features_of_global_ones(backbone: Backbone) -> None:
    features = []
    for locals_ in (1, 3):
        method = _method(backbone)
        method.head.register_forward_pre_hook(lambda _head, inputs: features.append(inputs[0]))
        method([_views(0)[0], _views(locals_, locals_)[1]], None, Clock(0, 2, 10))
    assert [len(rows) for rows in features] == [3 * BATCH, 5 * BATCH]
    assert torch.equal(features[0][: 2 * BATCH], features[1][: 2 * BATCH])


def test_the_teacher_sees_the_global_views_only(backbone: Backbone) -> None:
    method = _method(backbone)
    seen: list[tuple[int, ...]] = []
    method.teacher_backbone.register_forward_pre_hook(
        lambda _network, inputs: seen.append(tuple(inputs[0].shape))
    )
    method(_views(), None, Clock(0, 2, 10))
    assert seen == [(2 * BATCH, 3, 32, 32)]


@pytest.mark.parametrize("centering", ["mean", "sinkhorn"])
def test_a_step_on_the_same_views_lowers_the_loss(backbone: Backbone, centering: str) -> None:
    method = _method(backbone, TABLE.model_copy(update={"centering": centering}))
    optim = Sgd(name="sgd", lr=0.05, lr_batch=0, momentum=0.0)
    optimizer = build_optimizer(method, optim)
    losses = []
    for _ in range(6):
        step = method(_views(), None, Clock(0, 1, 10))
        losses.append(step.loss.item())
        set_hyperparameters(optimizer, optim, Clock(0, 1, 10), BATCH)
        optimizer.zero_grad(set_to_none=True)
        step.loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0]


def test_the_spread_loss_is_added_with_its_weight(backbone: Backbone) -> None:
    plain = _method(backbone)(_views(), None, Clock(0, 2, 10)).loss
    method = _method(backbone, TABLE.model_copy(update={"spread_weight": 0.5}))
    spread = _method(backbone, TABLE.model_copy(update={"spread_weight": 1.0}))
    half, whole = (m(_views(), None, Clock(0, 2, 10)).loss for m in (method, spread))
    torch.testing.assert_close(whole - plain, 2.0 * (half - plain))
    assert -4.0 <= (whole - plain).item() < 0.0
