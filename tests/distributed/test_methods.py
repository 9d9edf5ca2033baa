"""Two processes train each method to the weights that one would reach."""

from __future__ import annotations

import pytest
import torch
from crew import on_processes
from test_training import NETWORK, Trained, _assert_same, _train

from edgessl.backbones import Backbone
from edgessl.distributed import World
from edgessl.methods.build import build_method
from edgessl.recipe.method_tables import MethodTable
from edgessl.recipe.method_tables.byol import ByolTable
from edgessl.recipe.method_tables.moco import MocoTable
from edgessl.recipe.method_tables.projection import Projection
from edgessl.recipe.method_tables.simclr import SimClrTable
from edgessl.recipe.method_tables.supervised import SupervisedPretrainingTable
from edgessl.recipe.method_tables.swav import SwavTable
from edgessl.recipe.optim_tables import Sgd

# Small steps: at a rate of 0.02, changing the first weights by 1e-15 moves SwAV's queue by 7e-8 on
# one process too. A gradient that were wrong by a factor would still show up as 1e-4.
SGD = Sgd(name="sgd", lr=2e-4, lr_batch=0)
COMPARED = (  # the signs are in fp32
    "loss", "swav_loss", "moco_loss", "contrast_top1_percent", "nt_xent", "positive_similarity",
    "train_top1_percent", "chance_loss",
)  # fmt: skip
HEAD = Projection(hidden_dims=(16,), batch_norm=True, out_dim=8)
SWAV = SwavTable(
    name="swav", projector=HEAD, prototypes=12, queue=20, queue_start_epochs=1,
    freeze_prototypes_steps=3,
)  # fmt: skip
MOCO = MocoTable(name="moco", projector=HEAD, queue=20, shuffle=True)
MOCO_PLUS = MocoTable(
    name="moco", projector=HEAD, predictor=HEAD, queue=20, keys="both", coin_groups=2,
    teacher_momentum=(0.9, 1.0),
)  # fmt: skip
# At SimCLR's temperature of 0.1 a change of 4e-16 in the first weights grows by 1e8 in 20 steps.
S3L = SimClrTable(name="simclr", projector=HEAD, temperature=1.0, form="supcon", negative_groups=4)
COLE = SimClrTable(
    name="simclr", projector=HEAD.model_copy(update={"last_batch_norm": "scale"}),
    temperature=1.0, form="sum",
)  # fmt: skip
BYOL = ByolTable(name="byol", projector=HEAD, predictor=HEAD, teacher_momentum=(0.9, 1.0))
SUPERVISED = SupervisedPretrainingTable(name="supervised", label_smoothing=0.1, mixup_alpha=0.5)
CLASSES = 3  # of the images of test_training
BYOL_TOGETHER = BYOL.model_copy(update={"views_together": True})


def _pretrain(world: World, table: MethodTable, accumulate: int, groups: int) -> Trained:
    torch.manual_seed(0)
    method = build_method(Backbone(NETWORK, "remove", 32), table, CLASSES)
    found, logged = _train(
        world, method, SGD, torch.float64, accumulate=accumulate, groups=groups
    )
    return found, [{key: log[key] for key in COMPARED if key in log} for log in logged]


@pytest.mark.parametrize(
    ("table", "accumulate", "groups"),
    [
        (SWAV, 1, 1),
        (MOCO, 1, 4),
        (COLE, 1, 1),
        (SUPERVISED, 1, 1),
        pytest.param(BYOL, 1, 1, marks=pytest.mark.slow),
        pytest.param(SWAV, 2, 2, marks=pytest.mark.slow),
        pytest.param(MOCO, 1, 1, marks=pytest.mark.slow),
        pytest.param(MOCO_PLUS, 1, 1, marks=pytest.mark.slow),
        pytest.param(MOCO_PLUS, 2, 1, marks=pytest.mark.slow),
        pytest.param(S3L, 1, 4, marks=pytest.mark.slow),
        pytest.param(COLE, 2, 1, marks=pytest.mark.slow),
        pytest.param(BYOL, 1, 2, marks=pytest.mark.slow),
        pytest.param(BYOL_TOGETHER, 2, 1, marks=pytest.mark.slow),
    ],
    ids=[
        "swav", "moco-4-groups", "cole-simclr", "supervised", "byol",
        "swav-accumulated-2-groups", "moco", "moco-v2+", "moco-v2+-accumulated",
        "s3l-simclr-4-groups", "cole-simclr-accumulated",
        "byol-2-groups", "byol-together-accumulated",
    ],
)  # fmt: skip
def test_a_method_in_float64_reaches_the_same_weights(
    table: MethodTable, accumulate: int, groups: int
) -> None:
    case = (table, accumulate, groups)
    (expected,) = on_processes(1, _pretrain, *case)
    _assert_same(on_processes(2, _pretrain, *case), expected, weights=1e-8, logs=1e-8)
