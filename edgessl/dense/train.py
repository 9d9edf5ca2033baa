"""One training of a dense task: packed images in, a checkpoint and its val curve out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl import checkpoint
from edgessl.backbones import Backbone
from edgessl.dense.answers import answers_of, answers_of_finished, over, run_of
from edgessl.dense.originals import Listed, packed, pixels_of
from edgessl.dense.square import Square
from edgessl.dense.task import Finished, Judged, Learner, Task
from edgessl.dense.work import Work
from edgessl.reporter import Reporter, Silent
from edgessl.runs.stages import StageId
from edgessl.schedules import Clock
from edgessl.start.begin import initialise
from edgessl.start.source import NONE
from edgessl.train import TrainingData
from edgessl.train.stage.stage import Stage
from edgessl.train.stage.train_stage import train_stage


def train(work: Work[Task], stage: StageId, start: str) -> dict[str, Any]:
    """Train a network, from where an earlier run of it stopped, and write its checkpoint.

    Args:
        work: The run.
        stage: Its name, number and file.
        start: Weights of its backbone, as of ``--init``.

    Returns:
        How fast it was, as plain values.
    """
    place, recipe, images = work.place, work.recipe, work.images
    table, side = recipe.train, recipe.image.input_px
    place.seed_weights(stage.number)
    backbone = Backbone(
        recipe.backbone.name, "keep", side, batchnorm_eps=recipe.backbone.batchnorm_eps
    )
    if told := initialise(backbone, start):
        place.reporter.say(told)
    learner = work.task.learning.learner(backbone, recipe, images, place, start != NONE)
    meter = train_stage(
        place,
        Stage(stage, table.epochs, table.batch_size, (), table.optim, optim_key="train.optim",
              batch_key="train.batch_size",
              sampler=learner.sampler, images=partial(_to_train_on, images.train, side, Silent())),
        learner.method, learner.method, _to_train_on(images.train, side, place.reporter),
        _watch(work, learner),
    )  # fmt: skip
    payload = learner.payload({**work.provenance, "start": start})
    checkpoint.save(place.run.path / stage.file, payload)
    return meter.facts()


def _to_train_on(images: Sequence[Listed], side: int, reporter: Reporter) -> TrainingData:
    return TrainingData(packed(images, side, reporter))


def open_trained(work: Work[Task], stage: StageId) -> Finished:
    """Read the checkpoint that a training left."""
    path = work.place.run.path / stage.file
    return work.task.learning.open(checkpoint.load(path), str(path))


def judge_test(work: Work[Task], stage: StageId, what: str) -> Judged:
    """Judge the checkpoint that a training left on the originals of ``test``.

    Args:
        work: The run.
        stage: The training.
        what: For the progress.
    """
    device, reporter = work.place.device, work.place.reporter
    judging, finished, test = work.task.judging, open_trained(work, stage), work.images.test
    answers = over(
        answers_of_finished(work.task, finished, device), pixels_of(test, finished.square),
        judging.batch, lambda done, total: reporter.progress(what, done, total),
    )  # fmt: skip
    return judging.judge(answers, test, finished.classes)


def _watch(work: Work[Task], learner: Learner) -> Callable[[Clock], dict[str, float] | None]:
    """Return the monitor: the figure on val, every so many epochs and after the last one."""
    recipe, images, judging = work.recipe, work.images, work.task.judging
    every = max(1, round(recipe.train.epochs * recipe.train.val_every_percent / 100))
    square, kept = Square.of(recipe.image), list[NDArray[np.uint8]]()
    device = work.place.device

    def watch(clock: Clock) -> dict[str, float] | None:
        if not images.val or (clock.epoch % every and clock.epoch != clock.epochs):
            return None
        if not kept:
            kept.append(pixels_of(images.val, square))
        answers = answers_of(run_of(learner.network.eval(), device), square, learner.read)
        judged = judging.judge(over(answers, kept[0], judging.batch), images.val, images.classes)
        learner.method.train()
        return {f"val_{judging.figure}": judged.value}

    return watch
