"""Two processes train a detector or a segmenter to the weights that one would reach."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from crew import on_processes
from dense.tiny_boxes import write_voc
from dense.tiny_masks import write_masks
from torch import Tensor

from edgessl.backbones import Backbone
from edgessl.data.store import MemoryStore
from edgessl.dense.detection.fcos_loss import fcos_loss
from edgessl.dense.originals import pack_px
from edgessl.dense.tasks import TASKS
from edgessl.distributed import World
from edgessl.distributed.collectives import own_part, shared_count
from edgessl.optim import build_optimizer
from edgessl.recipe.optim_tables import Sgd
from edgessl.reporter import Silent
from edgessl.runs.folder import RunFolder
from edgessl.schedules import Clock
from edgessl.train import Engine, TrainingData, fit
from edgessl.train.place.context import Workplace

SIDE, BATCH, EPOCHS = 64, 4, 2
SGD = Sgd(name="sgd", lr=1e-3, lr_batch=0)  # a larger one makes the training itself chaotic
SMALL = ("backbone.name=\"timm:test_efficientnet\"", f"image.input_px={SIDE}")
Trained = tuple[dict[str, Tensor], list[float]]


def _train(world: World, task: str, recipe: str, changes: tuple[str, ...], data: Path) -> Trained:
    """Train in float64; return the weights, and the losses."""
    torch.manual_seed(0)
    kind = TASKS[task]
    table = kind.learning.load_recipe(recipe, (*SMALL, *changes))
    images = kind.data.load(data, None)
    engine = Engine(torch.device("cpu"), world=world)
    place = Workplace(run=RunFolder.unmade(data), engine=engine, seed=0, reporter=Silent())
    learner = kind.learning.learner(Backbone(table.backbone.name, "keep", SIDE), table, images,
                                    place, False)  # fmt: skip
    method = learner.method.double().train()
    sampler = learner.sampler

    def in_double(*batch: Any) -> list[Tensor]:
        return [one.double() if one.is_floating_point() else one for one in sampler(*batch)]

    side = pack_px(SIDE)
    pixels = torch.randint(256, (len(images.train), 3, side, side), dtype=torch.uint8,
                           generator=torch.Generator().manual_seed(0))  # fmt: skip
    store = MemoryStore(pixels, np.full((len(pixels), 2), side, np.int32))
    records = fit(
        method, TrainingData(store), in_double, build_optimizer(method, SGD), SGD,
        clock=Clock(0, len(pixels) // BATCH, EPOCHS), batch_size=BATCH, seed=0, engine=engine,
    )  # fmt: skip
    losses = [one.loss.item() for one in records]
    return {name: value.clone() for name, value in method.state_dict().items()}, losses


@pytest.mark.parametrize(
    ("task", "recipe", "changes", "write"),
    [
        ("detect", "ssdlite-mobilenetv2", ("detector.strides=[8,16]",), write_voc),
        ("detect", "fcoslite-mobilenetv2", ("detector.strides=[8,16]",), write_voc),
        ("segment", "lraspp-mobilenetv3l", ("segmenter.high_stride=32",), write_masks),
    ],
    ids=["ssdlite", "fcoslite", "lraspp"],
)
def test_two_processes_train_as_one_does(
    task: str, recipe: str, changes: tuple[str, ...], write: Callable[[Path], Path], tmp_path: Path
) -> None:
    data = write(tmp_path / "data")
    ((weights, losses),) = on_processes(1, _train, task, recipe, changes, data)
    for found, logged in on_processes(2, _train, task, recipe, changes, data):
        assert logged == pytest.approx(losses, rel=1e-5)
        for name, value in found.items():
            torch.testing.assert_close(value, weights[name], rtol=1e-4, atol=1e-6, msg=name)


def _loss_of_half(world: World, whole: dict[str, Tensor]) -> Tensor:
    """Every object is in the first half of the batch."""
    half = {name: own_part(value) for name, value in whole.items()}
    points, steps = torch.tensor([[8.0, 8.0], [24.0, 8.0]]), torch.tensor([16.0, 16.0])
    return torch.stack(fcos_loss(
        half["logits"], half["corners"], half["middles"], points, steps, half["boxes"],
        half["kinds"], reach=8.0, radius=1.5, normaliser=shared_count,
    ))  # fmt: skip


def test_a_process_without_objects_is_divided_by_those_of_the_others() -> None:
    draw = torch.Generator().manual_seed(0)
    whole = {
        "logits": torch.randn(2, 2, 3, generator=draw),
        "corners": torch.tensor([[[0.0, 0.0, 16.0, 16.0]] * 2] * 2),
        "middles": torch.zeros(2, 2),
        "boxes": torch.tensor([[[1.0, 1.0, 14.0, 14.0]], [[0.0, 0.0, 0.0, 0.0]]]),
        "kinds": torch.tensor([[1], [-1]]),
    }
    (alone,) = on_processes(1, _loss_of_half, whole)
    first, second = on_processes(2, _loss_of_half, whole)
    assert second[1] == 0
    torch.testing.assert_close((first[0] + second[0]) / 2, alone[0])
    torch.testing.assert_close((first[2] + second[2]) / 2, alone[2])
