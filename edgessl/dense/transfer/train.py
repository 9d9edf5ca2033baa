"""Training of a paper's network: where it starts, how it goes, what it leaves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from edgessl import checkpoint
from edgessl.backbones import Backbone
from edgessl.dense.transfer.originals import Stream, Visits
from edgessl.dense.transfer.precise import measure_batchnorm
from edgessl.dense.transfer.task import Sized, TransferLearner, TransferTask
from edgessl.dense.work import Work
from edgessl.methods.method import Method
from edgessl.recipe.tables import BackboneTable
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


def train(work: Work[TransferTask], stage: StageId, start: str) -> dict[str, Any]:
    """Train a network, from where an earlier run of it stopped, and write its checkpoint.

    Its BN is measured before it is written, where the recipe says so.

    Args:
        work: The run.
        stage: Its name, number and file.
        start: Weights of its backbone, as of ``--init``.

    Returns:
        How fast it was, as plain values.
    """
    place, table = work.place, work.recipe.train
    backbone = started_backbone(place, work.recipe.backbone, start, stage)
    learner = work.task.learner(backbone, work.recipe, work.images)
    method: Method = learner.module  # type: ignore[assignment]  # every method is a module
    visits = table.iterations * table.batch_size
    stream = stream_of(learner.images, visits, place.seed, stage.number)
    meter = train_stage(
        place,
        Stage(stage, 1, table.batch_size, (), table.optim, optim_key="train.optim",
              batch_key="train.batch_size", sampler=learner.sampler_of(stream)),
        method, learner.module, Visits(stream),
    )  # fmt: skip
    if learner.precise_steps:
        _measure(place, learner, method, table.batch_size, table.iterations, stage)
    payload = learner.payload({**work.provenance, "start": start})
    checkpoint.save(place.run.path / stage.file, payload)
    return meter.facts()


def open_trained(work: Work[TransferTask], stage: StageId) -> Any:
    """Read the checkpoint that a training left: a ``Finished``."""
    path = work.place.run.path / stage.file
    return work.task.open(checkpoint.load(path), str(path))


def stream_of(images: Sequence[Sized], visits: int, seed: int, number: int) -> Stream:
    """Return visits of images whose sizes are known.

    Args:
        images: The set.
        visits: How many.
        seed: Of the run.
        number: Of the stage.
    """
    sizes = np.array([(one.height, one.width) for one in images], np.int32)
    return Stream(images, sizes, visits, seed, number)


def _measure(
    place: Workplace, learner: TransferLearner, method: Method, size: int, iterations: int,
    stage: StageId,
) -> None:  # fmt: skip
    steps, number = learner.precise_steps, stage.number + _MEASURED
    place.reporter.say(f"Measuring BN over {steps} steps.")
    stream = stream_of(learner.images, steps * size, place.seed, number)
    batches = _steps(place, stream, learner.sampler_of(stream), size, number)
    measure_batchnorm(method, learner.module, batches, Clock(0, iterations, 1, stage.number))


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
