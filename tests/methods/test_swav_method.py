"""SwAV's views predict assignments that use all prototypes, with the help of a queue."""

from __future__ import annotations

import copy
from typing import cast

import pytest
import torch
from reference.swav import slow_swav_loss
from torch import Tensor, nn
from torch.nn.functional import normalize

from edgessl.backbones import Backbone
from edgessl.heads.projection import projection_head
from edgessl.methods.swav import Swav
from edgessl.optim import build_optimizer, set_hyperparameters
from edgessl.recipe.method_tables.projection import Projection
from edgessl.recipe.method_tables.swav import SwavTable
from edgessl.recipe.optim_tables import Lars, Sgd
from edgessl.schedules import Clock

BATCH, WIDTH, PROTOTYPES = 4, 8, 12
HEAD = Projection(hidden_dims=(16,), batch_norm=True, out_dim=WIDTH)
TABLE = SwavTable(name="swav", projector=HEAD, prototypes=PROTOTYPES)
QUEUED = TABLE.model_copy(update={"queue": 10, "queue_start_steps": 1})
CLOCK = Clock(0, 2, 10)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """A MobileNetV2 without its last stage; tests copy it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Backbone("mobilenetv2", "remove", 32)


def _method(backbone: Backbone, table: SwavTable = TABLE) -> Swav:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Swav(copy.deepcopy(backbone), table).train()


def _views(seed: int = 0, locals_: int = 2) -> list[Tensor]:
    rng = torch.Generator().manual_seed(seed)
    views = [torch.randn(2, BATCH, 3, 32, 32, generator=rng)]
    return [*views, torch.randn(locals_, BATCH, 3, 16, 16, generator=rng)] if locals_ else views


def _queue(method: Swav) -> Tensor:
    return cast(Tensor, method.queue).clone()


@torch.no_grad()
def _projections(method: Swav, views: list[Tensor]) -> Tensor:
    """Return ``(V, B, P)``; BN statistics move, so pass a copy."""
    features = torch.cat([method.backbone(group.flatten(0, 1)) for group in views])
    return normalize(method.head(features), dim=1).view(-1, BATCH, WIDTH)


def _expected(method: Swav, views: list[Tensor], queue: Tensor | None = None) -> float:
    prototypes = normalize(method.prototypes.detach(), dim=1)
    scores = _projections(copy.deepcopy(method), views) @ prototypes.T
    return slow_swav_loss(
        scores.double(), global_views=2, temperature=0.1, epsilon=0.05, alpha=0.4,
        queue_scores=None if queue is None else (queue @ prototypes.T).double().tolist(),
    )  # fmt: skip


@pytest.mark.parametrize("locals_", [0, 2])
def test_the_loss_is_the_papers(backbone: Backbone, locals_: int) -> None:
    method, views = _method(backbone), _views(0, locals_)
    expected = _expected(method, views)
    step = method(views, None, CLOCK)
    assert step.loss.item() == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(step.log["swav_loss"], step.loss.detach())


def test_every_trainable_tensor_has_a_gradient_frozen_or_not(backbone: Backbone) -> None:
    method = _method(backbone, TABLE.model_copy(update={"freeze_prototypes_epochs": 1}))
    method(_views(), None, CLOCK).loss.backward()
    assert all(parameter.grad is not None for parameter in method.parameters())


def test_prototypes_have_unit_length_in_every_forward_pass(backbone: Backbone) -> None:
    method = _method(backbone)
    assert (method.prototypes.norm(dim=1) - 1.0).abs().max() > 0.01
    for _ in range(2):
        method(_views(), None, CLOCK)
        torch.testing.assert_close(method.prototypes.norm(dim=1).detach(), torch.ones(PROTOTYPES))
        with torch.no_grad():
            method.prototypes.mul_(3.0)


@pytest.mark.parametrize(
    "optim",
    [
        Sgd(name="sgd", lr=1.0, lr_batch=0, weight_decay=(0.1, 0.1)),
        Lars(name="lars", lr=1.0, lr_batch=0, weight_decay=(0.1, 0.1)),
    ],
    ids=lambda table: table.name,
)
def test_prototypes_are_frozen_in_the_first_epoch(backbone: Backbone, optim: Sgd | Lars) -> None:
    method = _method(backbone, TABLE.model_copy(update={"freeze_prototypes_epochs": 1}))
    first = normalize(method.prototypes.detach(), dim=1)
    optimizer = build_optimizer(method, optim)
    for number in range(3):
        clock = Clock(number, 2, 10)
        set_hyperparameters(optimizer, optim, clock, BATCH)
        step = method(_views(number), None, clock)
        step.loss.backward()
        assert [id(p) for p in step.frozen] == ([id(method.prototypes)] if number < 2 else [])
        for parameter in step.frozen:
            parameter.grad = None
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        same = torch.allclose(method.prototypes.detach(), first, rtol=0, atol=1e-6)
        assert same is (number < 2), f"step {number}"


def test_the_queue_fills_from_its_start_with_the_newest_rows_first(backbone: Backbone) -> None:
    method, entered = _method(backbone, QUEUED), []
    for number in range(4):
        clock, views = Clock(number, 2, 10), _views(number)
        entered.insert(0, _projections(copy.deepcopy(method), views)[:2])
        before = _queue(method)
        method(views, None, clock)
        assert torch.equal(_queue(method), before)
        method.after_step(clock)
        if number == 0:
            assert not _queue(method).any()  # it starts with step 1
    torch.testing.assert_close(_queue(method), torch.cat(entered[:3], dim=1)[:, :10])


def test_the_queue_takes_part_once_it_is_full_up_to_a_multiple_of_the_batch(
    backbone: Backbone,
) -> None:
    """10 rows and a batch of 4: the newest 8 are used, from the time they are there."""
    method = _method(backbone, QUEUED)
    used = []
    for number in range(5):
        clock, views = Clock(number, 2, 10), _views(number)
        alone, together = _expected(method, views), _expected(method, views, _queue(method)[:, :8])
        loss = method(views, None, clock).loss.item()
        method.after_step(clock)
        used.append(abs(loss - together) < abs(loss - alone))
        assert loss == pytest.approx(together if used[-1] else alone, rel=1e-4)
    assert used == [False, False, False, True, True]  # steps 1 and 2 have filled it


def test_the_queue_is_scored_with_the_prototypes_of_now(backbone: Backbone) -> None:
    method = _method(backbone, QUEUED)
    rows = torch.randn(2, 10, WIDTH, generator=torch.Generator().manual_seed(0))
    cast(Tensor, method.queue).copy_(normalize(rows, dim=2))
    losses = []
    for _ in range(2):
        expected = _expected(method, _views(), _queue(method)[:, :8])
        losses.append(copy.deepcopy(method)(_views(), None, Clock(3, 2, 10)).loss.item())
        assert losses[-1] == pytest.approx(expected, rel=1e-4)
        with torch.no_grad():
            method.prototypes.copy_(method.prototypes.flip(1))
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)


def test_micro_batches_enter_the_queue_once_a_step_and_skipped_steps_never(
    backbone: Backbone,
) -> None:
    method = _method(backbone, QUEUED)
    method(_views(7), None, Clock(1, 2, 10))  # its loss was not finite: no after_step
    later = Clock(2, 2, 10)
    rows = [_projections(copy.deepcopy(method), _views(seed))[:2] for seed in (0, 1)]
    for seed in (0, 1):
        method(_views(seed), None, later)
        assert not _queue(method).any()
    method.after_step(later)
    torch.testing.assert_close(_queue(method)[:, :8], torch.cat(rows, dim=1))
    assert not _queue(method)[:, 8:].any()


def test_without_a_queue_nothing_is_kept(backbone: Backbone) -> None:
    method = _method(backbone)
    method(_views(), None, CLOCK)
    method.after_step(CLOCK)
    assert _queue(method).shape == (2, 0, WIDTH)


def test_all_weights_are_drawn_anew_as_sslight_does(backbone: Backbone) -> None:
    table = SwavTable(name="swav", prototypes=300, reinitialise=True)
    method = _method(backbone, table)
    for layer in method.head:
        if isinstance(layer, nn.Linear):
            assert layer.weight.std().item() == pytest.approx(0.01, rel=0.05)
            assert not layer.bias.any()
    assert method.prototypes.std().item() == pytest.approx(0.01, rel=0.05)
    convolutions = [m for m in method.backbone.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in method.backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(convolutions) > 30
    assert len(norms) > 30
    for layer in convolutions:
        fan_out = layer.out_channels * layer.kernel_size[0] ** 2
        if layer.weight.numel() > 2000:
            deviation = layer.weight.std().item()
            assert deviation == pytest.approx((2.0 / fan_out) ** 0.5, rel=0.1)
    assert all(torch.equal(norm.weight, torch.ones_like(norm.weight)) for norm in norms)
    assert not any(norm.bias.any() for norm in norms)
    assert not torch.equal(convolutions[0].weight, next(backbone.parameters()))


def test_collapse_is_at_chance(backbone: Backbone) -> None:
    method = _method(backbone)
    with torch.no_grad():
        last = [module for module in method.head if isinstance(module, nn.Linear)][-1]
        last.weight.zero_()
        last.bias.fill_(1.0)
    log = method(_views(), None, CLOCK).log
    assert log["target_entropy"].item() == pytest.approx(2.4849, abs=1e-3)  # ln 12
    assert abs(log["target_information"].item()) < 1e-4
    assert log["below_chance"].item() <= 0.0
    assert log["spread"].item() < 1e-5


def test_training_on_the_same_views_lowers_the_loss(backbone: Backbone) -> None:
    method = _method(backbone)
    optim = Sgd(name="sgd", lr=0.05, lr_batch=0, momentum=0.0)
    optimizer = build_optimizer(method, optim)
    losses = []
    for _ in range(6):
        step = method(_views(), None, CLOCK)
        losses.append(step.loss.item())
        set_hyperparameters(optimizer, optim, CLOCK, BATCH)
        optimizer.zero_grad(set_to_none=True)
        step.loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0]


def test_the_head_has_sslights_parameter_counts() -> None:
    table = SwavTable(name="swav")
    with torch.device("meta"):
        head = projection_head(1280, table.projector)  # MobileNetV2
    assert sum(parameter.numel() for parameter in head.parameters()) == 5_779_584
    assert table.prototypes * table.projector.out_dim == 384_000


def test_the_spread_loss_is_added_with_its_weight_and_not_reported_as_swavs(
    backbone: Backbone,
) -> None:
    steps = [
        _method(backbone, TABLE.model_copy(update={"spread_weight": weight}))(_views(), None, CLOCK)
        for weight in (0.0, 0.5, 1.0)
    ]
    plain, half, whole = (step.loss.detach() for step in steps)
    torch.testing.assert_close(whole - plain, 2.0 * (half - plain))
    assert -4.0 <= (whole - plain).item() < 0.0
    for step in steps:
        torch.testing.assert_close(step.log["swav_loss"], plain)
