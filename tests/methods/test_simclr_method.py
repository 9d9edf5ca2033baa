"""SimCLR tells the images of the batch apart, with every paper's variant of it."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from edgessl.backbones import Backbone
from edgessl.losses.nt_xent import nt_xent
from edgessl.methods.method import Step
from edgessl.methods.simclr import SimClr
from edgessl.optim import build_optimizer, set_hyperparameters
from edgessl.recipe.method_tables.projection import Projection
from edgessl.recipe.method_tables.simclr import SimClrTable
from edgessl.recipe.optim_tables import Sgd
from edgessl.schedules import Clock

HEAD = Projection(hidden_dims=(16,), out_dim=8)
TABLE = SimClrTable(name="simclr", projector=HEAD)
COLE = TABLE.model_copy(
    update={
        "form": "sum",
        "projector": HEAD.model_copy(
            update={"batch_norm": True, "last_batch_norm": "scale", "hidden_bias": False,
                    "last_bias": False}
        ),
    }
)  # fmt: skip
S3L = TABLE.model_copy(update={"form": "supcon", "negative_groups": 2})
BATCH = 4
CLOCK = Clock(0, 2, 10)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """A MobileNetV2 without its last stage; tests copy it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Backbone("mobilenetv2", "remove", 32)


def _method(backbone: Backbone, table: SimClrTable = TABLE) -> SimClr:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return SimClr(copy.deepcopy(backbone), table).train()


def _views(locals_: int = 0) -> list[Tensor]:
    rng = torch.Generator().manual_seed(0)
    views = [torch.randn(2, BATCH, 3, 32, 32, generator=rng)]
    if locals_:
        views.append(torch.randn(locals_, BATCH, 3, 16, 16, generator=rng))
    return views


def _watched(method: SimClr, views: list[Tensor]) -> tuple[Step, Tensor]:
    """Return a step, and the projections that its loss was computed from."""
    seen: list[Tensor] = []
    handle = method.projector.register_forward_hook(lambda _m, _i, output: seen.append(output))
    step = method(views, None, CLOCK)
    handle.remove()
    (projections,) = seen
    return step, projections.view(-1, BATCH, projections.shape[1])


@pytest.mark.parametrize("locals_", [0, 3])
def test_the_loss_is_nt_xent_of_all_views_through_one_projector(
    backbone: Backbone, locals_: int
) -> None:
    step, projections = _watched(_method(backbone), _views(locals_))
    assert len(projections) == 2 + locals_
    expected = nt_xent(projections, global_views=2, temperature=0.1, alpha=0.4)
    torch.testing.assert_close(step.loss, expected)
    torch.testing.assert_close(step.log["nt_xent"], expected.detach())


def test_views_of_one_resolution_go_through_the_backbone_in_one_batch(backbone: Backbone) -> None:
    method = _method(backbone)
    sizes: list[tuple[int, ...]] = []
    method.backbone.register_forward_pre_hook(lambda _m, inputs: sizes.append(inputs[0].shape))
    method(_views(3), None, CLOCK)
    assert sizes == [(2 * BATCH, 3, 32, 32), (3 * BATCH, 3, 16, 16)]


def test_s3ls_variant_takes_negatives_from_groups_and_leaves_its_factor_in(
    backbone: Backbone,
) -> None:
    step, projections = _watched(_method(backbone, S3L), _views())
    halves = [
        nt_xent(half, global_views=2, temperature=0.1) for half in projections.split(2, dim=1)
    ]
    mean = torch.stack(halves).mean()
    torch.testing.assert_close(step.loss, 0.1 / 0.07 * mean)
    torch.testing.assert_close(step.log["nt_xent"], mean.detach())
    assert step.log["chance_loss"].item() == pytest.approx(math.log(3))


def test_coles_variant_sums_both_directions_behind_batch_norm(backbone: Backbone) -> None:
    method = _method(backbone, COLE)
    step, projections = _watched(method, _views())
    torch.testing.assert_close(step.loss, 2.0 * step.log["nt_xent"])
    # The last batch norm has no shift, and its scale starts at 1: columns of mean 0, deviation 1.
    rows = projections.flatten(0, 1)
    torch.testing.assert_close(rows.mean(dim=0), torch.zeros(8), atol=1e-5, rtol=0)
    last = method.projector[-1]
    assert isinstance(last, nn.BatchNorm1d)
    assert not last.bias.requires_grad


@pytest.mark.parametrize("table", [TABLE, S3L, COLE], ids=["clean", "s3l", "cole"])
def test_every_trainable_parameter_has_a_gradient(backbone: Backbone, table: SimClrTable) -> None:
    method = _method(backbone, table)
    method(_views(1), None, CLOCK).loss.backward()
    assert all(p.grad is not None for p in method.parameters() if p.requires_grad)


def test_a_collapsed_network_scores_the_chance_loss_and_says_so(backbone: Backbone) -> None:
    method = _method(backbone)
    last = method.projector[-1]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.ones_(last.bias)
    log = method(_views(1), None, CLOCK).log
    assert log["nt_xent"].item() == pytest.approx(math.log(2 * BATCH - 1), rel=1e-5)
    assert log["chance_loss"].item() == pytest.approx(math.log(2 * BATCH - 1))
    assert log["below_chance"].item() == pytest.approx(0.0, abs=1e-5)
    assert log["spread"].item() == pytest.approx(0.0, abs=1e-3)
    assert log["positive_similarity"].item() == pytest.approx(1.0)


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
