"""A method of pretraining goes on from a saved step, to the bit."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from edgessl.backbones import Backbone
from edgessl.data.store import MemoryStore
from edgessl.methods.build import PretrainingMethod, build_method
from edgessl.optim import build_optimizer
from edgessl.recipe.method_tables import MethodTable
from edgessl.recipe.method_tables.byol import ByolTable
from edgessl.recipe.method_tables.cross_resolution import CrossResolutionTable
from edgessl.recipe.method_tables.moco import MocoTable
from edgessl.recipe.method_tables.projection import Projection
from edgessl.recipe.method_tables.simclr import SimClrTable
from edgessl.recipe.method_tables.supervised import SupervisedPretrainingTable
from edgessl.recipe.method_tables.swav import SwavTable
from edgessl.recipe.optim_tables import Sgd
from edgessl.recipe.view_tables import ViewGroup
from edgessl.schedules import Clock
from edgessl.train import Engine, StepRecord, TrainingData, fit
from edgessl.views import ViewSampler

IMAGES, BATCH, STEPS, CLASSES = 16, 8, 4, 3
OPTIM = Sgd(name="sgd", lr=0.05, lr_batch=0)
HEAD = Projection(hidden_dims=(16,), batch_norm=True, dropout=0.5, out_dim=8)
METHODS: dict[str, MethodTable] = {
    "swav": SwavTable(
        name="swav", projector=HEAD, prototypes=12, queue=8, queue_start_steps=1,
        freeze_prototypes_steps=3,
    ),
    "moco": MocoTable(name="moco", projector=HEAD, queue=20, shuffle=True),
    "moco-v2+": MocoTable(
        name="moco", projector=HEAD, predictor=HEAD, queue=20, keys="both", coin_groups=2,
        teacher_momentum=(0.9, 1.0),
    ),
    "simclr": SimClrTable(name="simclr", projector=HEAD, form="supcon", negative_groups=2),
    "byol": ByolTable(name="byol", projector=HEAD, predictor=HEAD, teacher_momentum=(0.9, 1.0)),
    "cross_resolution": CrossResolutionTable(name="cross_resolution"),
    "supervised": SupervisedPretrainingTable(
        name="supervised", mixup_alpha=0.5, label_smoothing=0.1
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """A MobileNetV2 without its last stage; tests copy it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Backbone("mobilenetv2", "remove", 32)


def _method(backbone: Backbone, table: MethodTable) -> PretrainingMethod:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return build_method(copy.deepcopy(backbone), table, CLASSES).train()


def _fit(
    method: PretrainingMethod, optimizer: torch.optim.Optimizer, step: int = 0
) -> Iterator[StepRecord]:
    rng = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (IMAGES, 3, 40, 40), dtype=torch.uint8, generator=rng)
    labels = torch.arange(IMAGES) % CLASSES if method.table.learns_labels() else None
    data = TrainingData(MemoryStore(pixels, np.full((IMAGES, 2), 48, np.int32)), labels)
    views = (
        ViewGroup(count=2, size_px=32, scale=(0.3, 1.0)),
        ViewGroup(count=1, size_px=24, scale=(0.05, 0.3)),
    )
    return fit(
        method, data, ViewSampler(views, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)), optimizer, OPTIM,
        clock=Clock(step, IMAGES // BATCH, STEPS * BATCH // IMAGES), batch_size=BATCH, seed=0,
        engine=Engine(torch.device("cpu")), accumulate=2, batchnorm_groups=2,
    )  # fmt: skip


def _losses(records: Iterator[StepRecord]) -> list[Tensor]:
    return [record.loss for record in records]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_goes_on_to_the_same_weights(
    backbone: Backbone, name: str
) -> None:
    whole = _method(backbone, METHODS[name])
    optimizer = build_optimizer(whole, OPTIM)
    losses: list[Tensor] = []
    saved: list[dict[str, Any]] = []
    for record in _fit(whole, optimizer):
        losses.append(record.loss)
        states = {"module": whole.state_dict(), "optimizer": optimizer.state_dict()}
        saved.append(copy.deepcopy(states))
    assert len(losses) == STEPS

    step = 2
    with torch.random.fork_rng():
        torch.manual_seed(99)  # other weights, which the state replaces
        part = build_method(copy.deepcopy(backbone), METHODS[name], CLASSES).train()
    other = build_optimizer(part, OPTIM)
    part.load_state_dict(saved[step - 1]["module"], strict=True)
    other.load_state_dict(saved[step - 1]["optimizer"])
    torch.manual_seed(98)  # what another program did in between must not matter
    rest = _losses(_fit(part, other, step))
    assert torch.equal(torch.stack(rest), torch.stack(losses[step:]))
    ours, theirs = part.state_dict(), whole.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
