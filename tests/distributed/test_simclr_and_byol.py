"""SimCLR and BYOL on two processes train to the weights that one would reach."""

from __future__ import annotations

import pytest
import torch
from crew import on_processes
from test_training import SGD, STEPS, Trained, _assert_same, _train

from edgessl.backbones import Backbone
from edgessl.distributed import World
from edgessl.methods.build import build_method
from edgessl.recipe.method_tables import Byol, MethodTable, SimClr
from edgessl.recipe.method_tables.projection import Projection
from edgessl.recipe.optim_tables import AirlLars, Optim

HEAD = Projection(hidden_dims=(16,), batch_norm=True, out_dim=8)
COLE = HEAD.model_copy(update={"last_batch_norm": "scale"})
LARS = AirlLars(name="lars_airl", lr=0.5, lr_batch=0, weight_decay=(1e-6, 1e-6))
SIMCLR = SimClr(name="simclr", projector=HEAD)
BYOL = Byol(name="byol", projector=HEAD, predictor=HEAD, teacher_momentum=(0.9, 1.0))
S3L = SIMCLR.model_copy(update={"form": "supcon", "negative_groups": 2})


def _trained(
    world: World, table: MethodTable, optim: Optim, accumulate: int, groups: int, steps: int
) -> Trained:
    torch.manual_seed(0)
    method = build_method(Backbone("mobilenetv2", "remove", 32), table)
    return _train(
        world, method, optim, torch.float64, steps=steps, accumulate=accumulate, groups=groups
    )


@pytest.mark.parametrize(
    ("table", "optim", "accumulate", "groups", "steps"),
    [
        pytest.param(SIMCLR, SGD, 1, 1, 2, id="simclr"),
        pytest.param(BYOL, SGD, 1, 1, 2, id="byol"),
        pytest.param(SIMCLR, SGD, 1, 1, STEPS, id="simclr-long", marks=pytest.mark.slow),
        pytest.param(S3L, SGD, 1, 2, STEPS, id="s3l", marks=pytest.mark.slow),
        pytest.param(
            S3L.model_copy(update={"negative_groups": 4}), SGD, 1, 4, STEPS, id="s3l-4-groups",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            SIMCLR.model_copy(update={"projector": COLE, "form": "sum"}), LARS, 2, 1, STEPS,
            id="cole-accumulated", marks=pytest.mark.slow,
        ),
        pytest.param(BYOL, LARS, 1, 1, STEPS, id="byol-long", marks=pytest.mark.slow),
        pytest.param(
            BYOL.model_copy(update={"views_together": True}), SGD, 2, 2, STEPS,
            id="byol-together-accumulated", marks=pytest.mark.slow,
        ),
    ],
)  # fmt: skip
def test_weights_and_logs_are_the_same(
    table: MethodTable, optim: Optim, accumulate: int, groups: int, steps: int
) -> None:
    case = (table, optim, accumulate, groups, steps)
    (expected,) = on_processes(1, _trained, *case)
    _assert_same(on_processes(2, _trained, *case), expected, weights=1e-8, logs=1e-8)
