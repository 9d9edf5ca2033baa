"""What every training of a transfer shares, whatever it predicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from torch import Tensor, nn

from edgessl.backbones import Backbone
from edgessl.dense.originals import Listed
from edgessl.dense.transfer.originals import Stream, Visits
from edgessl.dense.transfer.precise import measure_batchnorm
from edgessl.methods.method import Method
from edgessl.recipe.tables import BackboneTable
from edgessl.recipe.transfer_table import (
    DetectionTransfer,
    SegmentationTransfer,
    TransferTrainTable,
)
from edgessl.rng import DrawKey, step_seed
from edgessl.runs.stages import StageId
from edgessl.schedules import Clock
from edgessl.start.begin import initialise
from edgessl.train.loop.fit import Sampler
from edgessl.train.place.context import Workplace
from edgessl.train.stage.stage import Stage
from edgessl.train.stage.train_stage import train_stage

_PX = 224  # side that position embeddings are made for; a network resamples them for others
_MEASURED = 1000  # added to a stage's number for the draws of precise BN

Recipe = TypeVar("Recipe", DetectionTransfer, SegmentationTransfer)
Data = TypeVar("Data")


@dataclass(frozen=True)
class TransferWork(Generic[Recipe, Data]):
    """What every training of a run shares.

    Attributes:
        place: Where and with what it works.
        recipe: Resolved.
        data: The images.
        provenance: What every checkpoint says about where it comes from.
    """

    place: Workplace
    recipe: Recipe
    data: Data
    provenance: dict[str, Any]


class MakesSampler(Protocol):
    """Makes what turns the visits of a stream into batches."""

    def __call__(self, stream: Stream) -> Sampler:
        """Return a sampler of a stream."""
        ...


def started_backbone(
    place: Workplace, table: BackboneTable, start: str, stage: StageId
) -> Backbone:
    """Build a stage's backbone with the weights that it starts from, and tell what was loaded.

    Args:
        place: The run.
        table: Of the recipe.
        start: As of ``--init``.
        stage: Draws what is not loaded.
    """
    place.seed_weights(stage.number)
    backbone = Backbone(table.name, "keep", _PX, batchnorm_eps=table.batchnorm_eps)
    if told := initialise(backbone, start):
        place.reporter.say(told)
    return backbone


def train_on(
    place: Workplace,
    stage: StageId,
    table: TransferTrainTable,
    module: nn.Module,
    images: Sequence[Sized],
    sampler_of: MakesSampler,
    precise_steps: int,
) -> dict[str, Any]:
    """Train a method from where an earlier run of it stopped, and measure its BN.

    Args:
        place: The run.
        stage: Its name, number and file.
        table: How long and with what.
        module: The method.
        images: What it is trained on.
        sampler_of: Makes its batches.
        precise_steps: Steps that BN is measured over; 0 keeps the running statistics.

    Returns:
        How fast it was, as plain values.
    """
    method: Method = module  # type: ignore[assignment]  # every method is a module
    stream = _stream(images, table.iterations * table.batch_size, place.seed, stage.number)
    meter = train_stage(
        place,
        Stage(stage, 1, table.batch_size, (), table.optim, optim_key="train.optim",
              sampler=sampler_of(stream)),
        method, module, Visits(stream),
    )  # fmt: skip
    if precise_steps:
        place.reporter.say(f"Measuring BN over {precise_steps} steps.")
        number = stage.number + _MEASURED
        further = _stream(images, precise_steps * table.batch_size, place.seed, number)
        steps = _steps(place, further, sampler_of(further), table.batch_size, number)
        measure_batchnorm(method, module, steps, Clock(0, table.iterations, 1, stage.number))
    return meter.facts()


class Sized(Listed, Protocol):
    """An image file whose size is known."""

    @property
    def height(self) -> int:
        """Upright, in pixels."""
        ...

    @property
    def width(self) -> int:
        """The same."""
        ...


def _stream(images: Sequence[Sized], visits: int, seed: int, number: int) -> Stream:
    sizes = np.array([(one.height, one.width) for one in images], np.int32)
    return Stream(images, sizes, visits, seed, number)


def _steps(
    place: Workplace, stream: Stream, sampler: Sampler, size: int, number: int
) -> Iterator[tuple[list[Tensor], int]]:
    """Yield the views of each step of a stream, and a seed for what is drawn in it."""
    ids = [np.arange(first, first + size, dtype=np.int64)
           for first in range(0, len(stream), size)]  # fmt: skip
    key = DrawKey(place.seed, number, 0)
    batches = stream.batches(ids, place.device)
    for step, (chosen, packed) in enumerate(zip(ids, batches, strict=True)):
        yield sampler(packed, stream.sizes[chosen], chosen, key), step_seed(key, step)
