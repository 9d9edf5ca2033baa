"""One training step of every method on every family of backbones, as recipes pair them."""

from __future__ import annotations

import re
from functools import cache
from itertools import islice

import numpy as np
import pytest
import torch

from edgessl import catalog
from edgessl.backbones import BACKBONES, Backbone
from edgessl.data.store import MemoryStore
from edgessl.methods.build import build_method
from edgessl.optim import build_optimizer
from edgessl.recipe import Recipe, load_recipe
from edgessl.recipe.method_tables import MethodTable
from edgessl.recipe.method_tables.moco import MocoTable
from edgessl.recipe.method_tables.projection import Projection
from edgessl.recipe.method_tables.simclr import SimClrTable
from edgessl.recipe.method_tables.swav import SwavTable
from edgessl.schedules import Clock
from edgessl.train import Engine, TrainingData, fit
from edgessl.views import ViewSampler

PX, IMAGES, BATCH, CLASSES = 32, 8, 8, 3
SMALLER = {"hidden_dim": 16, "bottleneck_dim": 8, "prototypes": 16, "queue": 16}
FREEZES = {"freeze_last_layer_epochs": 0.0, "freeze_prototypes_epochs": 0.0}


@cache
def _pairs() -> dict[tuple[str, ...], str]:
    """Return a recipe for each method and family of backbones, the one with the smallest network.

    Losses and teachers of a method that are not computed alike count as methods of their own.
    """
    recipes = [load_recipe(name) for name in catalog.entries("recipes")]
    recipes.sort(key=lambda recipe: BACKBONES[recipe.backbone.name].params)
    found: dict[tuple[str, ...], str] = {}
    for recipe in recipes:
        family = re.match("[a-z]+", recipe.backbone.name)
        assert family is not None
        kinds = [str(getattr(recipe.method, key, "")) for key in ("form", "keys", "shuffle")]
        found.setdefault((recipe.method.name, family[0], *kinds), recipe.name)
    return found


def _smaller(table: MethodTable) -> MethodTable:
    """Return a method with narrow heads and short queues, and nothing frozen at first."""
    changes: dict[str, object] = {
        key: value for key, value in SMALLER.items() if hasattr(table, key)
    }
    changes |= {key: value for key, value in FREEZES.items() if hasattr(table, key)}
    changes |= {
        key.replace("epochs", unit): None
        for key in FREEZES for unit in ("percent", "steps") if hasattr(table, key)
    }  # fmt: skip
    for key in ("projector", "predictor"):
        head = getattr(table, key, None)
        if isinstance(head, Projection) and head.hidden_dims:
            narrow = (16,) * len(head.hidden_dims)
            changes[key] = head.model_copy(update={"hidden_dims": narrow, "out_dim": 8})
        elif isinstance(head, Projection):
            changes[key] = head.model_copy(update={"out_dim": 8})
    return table.model_copy(update=changes)


def _step(recipe: Recipe) -> tuple[float, bool]:
    """Take a step on noise; return its loss and whether every trainable tensor has moved."""
    torch.manual_seed(0)
    table = recipe.backbone
    backbone = Backbone(
        table.name, table.pretrained_last_stage, PX, dropout=table.dropout,
        drop_path=table.drop_path,
    )  # fmt: skip
    method = build_method(backbone, _smaller(recipe.method), CLASSES)
    before = {name: value.detach().clone() for name, value in backbone.named_parameters()}
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (IMAGES, 3, PX, PX), dtype=torch.uint8, generator=draw)
    store = MemoryStore(pixels, np.full((IMAGES, 2), PX, np.int32))
    labels = torch.arange(IMAGES) % CLASSES if recipe.method.learns_labels() else None
    views = [group.model_copy(update={"size_px": PX}) for group in recipe.views]
    optim = recipe.optim.model_copy(
        update={"warmup_epochs": None, "warmup_percent": None, "lr": 0.1, "lr_batch": 0}
    )
    records = fit(
        method.train(), TrainingData(store, labels), ViewSampler(views, (0.5,) * 3, (0.2,) * 3),
        build_optimizer(method, optim), optim, clock=Clock(0, 1, 2), batch_size=BATCH, seed=0,
        engine=Engine(torch.device("cpu")),
        batchnorm_groups=min(2, recipe.pretrain.batchnorm_groups),
    )  # fmt: skip
    (record,) = islice(records, 1)
    trained = [name for name, value in backbone.named_parameters() if value.requires_grad]
    after = dict(backbone.named_parameters())
    return record.loss.item(), all(not torch.equal(before[name], after[name]) for name in trained)


@pytest.mark.parametrize("name", _pairs().values())
def test_a_step_of_a_recipe_moves_the_whole_backbone(name: str) -> None:
    loss, moved = _step(load_recipe(name))
    assert np.isfinite(loss)
    assert moved


def test_all_methods_are_stepped() -> None:
    assert {method for method, *_ in _pairs()} >= {
        "byol", "dino", "moco", "simclr", "supervised", "swav"
    }
    tables = [load_recipe(name).method for name in _pairs().values()]
    assert any(isinstance(table, MocoTable) and table.keys == "both" for table in tables)
    assert any(isinstance(table, SimClrTable) and table.negative_groups > 1 for table in tables)
    assert any(isinstance(table, SwavTable) and table.queue for table in tables)
