"""What a transfer will take, measured on a few of its own steps; and how much fits into a time."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import torch

from edgessl.dense.transfer.originals import Visits
from edgessl.dense.transfer.task import TransferTask
from edgessl.dense.transfer.train import started_backbone, stream_of
from edgessl.dense.work import Work
from edgessl.metrics.cost import params
from edgessl.optim import build_optimizer
from edgessl.pipeline.dense.lengths import count_in
from edgessl.pipeline.dense.prepare import Asked
from edgessl.pipeline.dense.run import with_length
from edgessl.pipeline.dense.transfer_prepare import prepare_transfer
from edgessl.recipe.load_transfer import TransferRecipe
from edgessl.reporter import Reporter, speaking
from edgessl.runs.folder import RunFolder
from edgessl.schedules import Clock
from edgessl.start.source import NONE
from edgessl.train import fit

STEPS = 3
"""That are measured; the first only warms up, unless it took all the time there is."""
_BUDGET_S = 30.0
_CPU_BATCH = 2  # a CPU's rate hardly depends on the batch, and one of 16 takes minutes
_FORWARD = 0.4
"""Time of answering for an image, or of measuring BN on it, to that of training on it."""


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """The cost of a run.

    Attributes:
        images: That it trains on.
        test: That it is scored on.
        px: Shorter side of test images for the network.
        params: Of the network.
        iterations: Optimiser steps of each training.
        batch_size: Images in a step.
        passes: Over the training images.
        images_per_s: Measured rate.
        minutes: Estimated time, comparisons included.
        arms: What is trained for comparison.
    """

    images: int
    test: int
    px: int
    params: int
    iterations: int
    batch_size: int
    passes: float
    images_per_s: float
    minutes: float
    arms: tuple[str, ...]


def plan_transfer(task: str, asked: Asked, reporter: Reporter | None = None) -> TransferPlan:
    """Measure a few steps on the images themselves and work out the rest. Nothing is written.

    Args:
        task: ``detect`` or ``segment``.
        asked: By the user.
        reporter: Is told what goes on; None prints it.

    Raises:
        UserError: Something asked for cannot be used.
    """
    with speaking(reporter) as tell, TemporaryDirectory() as nowhere:
        prepared = prepare_transfer(task, asked, tell)
        work = prepared.work(asked, RunFolder(Path(nowhere)), tell, {})
        rate, table = images_per_s(work), work.recipe
        trainings = 1 + len(prepared.arms)
        if asked.minutes is not None:
            table = _at_rate(work, asked.minutes, len(prepared.arms), rate)
        train = table.train
        visits = train.iterations * train.batch_size
        network = prepared.task.learner(
            started_backbone(work.place, table.backbone, NONE, prepared.task.stage), table,
            prepared.images,
        ).module  # fmt: skip
        images = len(prepared.images.train)
        return TransferPlan(
            images, len(prepared.images.test), table.image.test_px, params(network),
            train.iterations, train.batch_size, round(visits / images, 1), round(rate, 2),
            round(trainings * (visits + _beside(work)) / rate / 60.0, 1), prepared.arms,
        )  # fmt: skip


def images_per_s(work: Work[TransferTask]) -> float:
    """Train a few steps on the first images that a run visits, on a copy that is thrown away.

    Args:
        work: The run; nothing of it is written, and its weights are drawn anew later.
    """
    place, recipe, task = work.place, work.recipe, work.task
    size = recipe.train.batch_size
    size = min(size, _CPU_BATCH) if place.device.type == "cpu" else size
    backbone = started_backbone(place, recipe.backbone, NONE, task.stage)
    learner = task.learner(backbone, recipe, work.images)
    place.engine.place(learner.module)
    learner.module.train()
    stream = stream_of(learner.images, STEPS * size, place.seed, task.stage.number)
    optim = recipe.train.optim
    records = fit(
        learner.module, Visits(stream), learner.sampler_of(stream),  # type: ignore[arg-type]
        build_optimizer(learner.module, optim), copy.copy(optim),
        clock=Clock(0, 1, STEPS, task.stage.number), batch_size=size, seed=place.seed,
        engine=place.engine,
    )  # fmt: skip
    seconds: list[float] = []
    while len(seconds) < STEPS and sum(seconds) < _BUDGET_S:
        began = perf_counter()
        next(records)
        if place.device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(perf_counter() - began)
    return float(size / min(seconds))


def fitted(work: Work[TransferTask], minutes: float, arms: int) -> TransferRecipe:
    """Return the recipe with as many steps as fit into a time.

    Args:
        work: The run.
        minutes: For all that it trains and scores.
        arms: Trainings beside it.

    Raises:
        UserError: Not one step fits.
    """
    return _at_rate(work, minutes, arms, images_per_s(work))


def _at_rate(
    work: Work[TransferTask], minutes: float, arms: int, rate: float
) -> TransferRecipe:
    iterations = count_in(
        minutes, arms=arms, rate=rate, images=work.recipe.train.batch_size, beside=_beside(work),
        one="a step of",
    )  # fmt: skip
    work.place.reporter.say(f"{minutes:g} minutes are {iterations} steps here.")
    recipe: TransferRecipe = with_length(work.recipe, "iterations", iterations)
    return recipe


def _beside(work: Work[TransferTask]) -> float:
    """Return how many trained images scoring and measuring BN take as long as."""
    network = getattr(work.recipe, "detector", None) or work.recipe.segmenter
    measured = network.precise_batchnorm_steps * work.recipe.train.batch_size
    return float(_FORWARD * (len(work.images.test) + measured))


def describe_transfer_plan(found: TransferPlan) -> str:
    """Tell a plan in a few lines.

    Args:
        found: Of a paper's detector or segmenter.
    """
    beside = f", with the starts {', '.join(found.arms)} beside it" if found.arms else ""
    return "\n".join(
        [
            f"images      {found.images} for training, {found.test} for testing at {found.px} px",
            f"network     {found.params / 1e6:.2f} M parameters",
            f"steps       {found.iterations} of {found.batch_size} images, {found.passes:g} passes",
            f"rate        {found.images_per_s:g} img/s (measured on this device)",
            f"time        about {found.minutes:g} minutes{beside}",
        ]
    )
