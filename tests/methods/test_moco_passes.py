"""MoCo's views share batch statistics, or each goes through the networks on its own (AIRL)."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from edgessl.backbones import Backbone
from edgessl.methods.moco import Moco
from edgessl.recipe.method_tables.moco import MocoTable
from edgessl.recipe.method_tables.projection import Projection
from edgessl.schedules import Clock

BATCH = 4
HEAD = Projection(hidden_dims=(16,), batch_norm=True, out_dim=8)
TOGETHER = MocoTable(name="moco", projector=HEAD, predictor=HEAD, keys="both", queue=8)
APART = TOGETHER.model_copy(update={"views_together": False})
CLOCK = Clock(0, 2, 10)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """A ResNet-18 without its last stage; tests copy it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Backbone("resnet18", "remove", 32)


@pytest.fixture
def views() -> list[Tensor]:
    """Two global views and two local ones."""
    rng = torch.Generator().manual_seed(0)
    return [torch.randn(2, BATCH, 3, px, px, generator=rng) for px in (32, 16)]


def _method(backbone: Backbone, table: MocoTable) -> Moco:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Moco(copy.deepcopy(backbone), table).train()


def _sizes(module: nn.Module) -> list[int]:
    """Return a list that fills with the rows of every later pass through a module."""
    seen: list[int] = []
    module.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    return seen


@pytest.mark.parametrize(
    ("table", "student", "head", "teacher"),
    [
        (TOGETHER, [2 * BATCH, 2 * BATCH], [4 * BATCH], [2 * BATCH]),
        (APART, [BATCH] * 4, [BATCH] * 4, [BATCH] * 2),
    ],
)
def test_passes(
    backbone: Backbone, views: list[Tensor], table: MocoTable, student: list[int],
    head: list[int], teacher: list[int],
) -> None:  # fmt: skip
    method = _method(backbone, table)
    modules = (method.backbone, method.head, method.teacher_backbone, method.teacher_head)
    seen = [_sizes(module) for module in modules]
    loss = method(views, None, CLOCK).loss
    assert seen == [student, head, teacher, teacher]
    assert loss.isfinite()


def test_without_batch_statistics_both_give_the_same_loss(
    backbone: Backbone, views: list[Tensor]
) -> None:
    losses = []
    for table in (TOGETHER, APART):
        torch.manual_seed(2)  # of the coins
        losses.append(_method(backbone, table).eval()(views, None, CLOCK).loss)
    torch.testing.assert_close(losses[0], losses[1])


def test_with_batch_statistics_they_differ(backbone: Backbone, views: list[Tensor]) -> None:
    one, other = (_method(backbone, table)(views, None, CLOCK).loss for table in (TOGETHER, APART))
    assert abs(one - other) > 1e-4
