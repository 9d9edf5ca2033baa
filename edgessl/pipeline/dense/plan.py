"""What a dense run will take, before it starts: images, steps, and a measured time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from edgessl.backbones import Backbone
from edgessl.dense.originals import pack_px
from edgessl.dense.task import Task
from edgessl.dense.work import Work
from edgessl.metrics.cost import macs, params
from edgessl.pipeline.dense.lengths import fitted, images_per_s, seconds_of
from edgessl.pipeline.dense.prepare import Asked, prepare
from edgessl.reporter import Reporter, speaking
from edgessl.runs.folder import RunFolder
from edgessl.train import steps_per_epoch


@dataclass(frozen=True, slots=True)
class DensePlan:
    """The cost of a run.

    Attributes:
        images: Of an epoch.
        input_px: Side of the images that the network sees.
        params: Of the network.
        macs: Multiply-accumulates of an image.
        epochs: Of each training.
        steps: Optimiser steps of each.
        batch_size: Images in a step.
        images_per_s: Measured rate.
        minutes: Estimated time, comparisons included.
        arms: What is trained for comparison.
        pack_px: Side of the decoded images that are kept.
        pack_mb: Their size on disk.
    """

    images: int
    input_px: int
    params: int
    macs: int
    epochs: int
    steps: int
    batch_size: int
    images_per_s: float
    minutes: float
    arms: tuple[str, ...]
    pack_px: int
    pack_mb: float


def plan(asked: Asked, reporter: Reporter | None = None) -> DensePlan:
    """Measure a few steps on random pixels and work out the rest. Nothing is trained or written.

    Args:
        asked: By the user.
        reporter: Is told what goes on; None prints it.

    Raises:
        UserError: Something asked for cannot be used.
    """
    with speaking(reporter) as tell, TemporaryDirectory() as nowhere:
        prepared = prepare(asked, tell)
        work = prepared.work(asked, RunFolder(Path(nowhere)), tell, {})
        arms = len(prepared.arms)
        if asked.minutes is not None:
            recipe = fitted(work, asked.minutes, arms)
            work = Work(work.task, work.place, recipe, work.images, {})
        return _plan(work, prepared.arms)


def _plan(work: Work[Task], arms: tuple[str, ...]) -> DensePlan:
    recipe, images = work.recipe, len(work.images.train)
    side, train = recipe.image.input_px, recipe.train
    rate = images_per_s(work)
    network = work.task.learning.learner(
        Backbone(recipe.backbone.name, "keep", side), recipe, work.images, work.place, False
    ).network.eval()
    return DensePlan(
        images=images, input_px=side, params=params(network), macs=macs(network, side),
        epochs=train.epochs, steps=train.epochs * steps_per_epoch(images, train.batch_size),
        batch_size=min(train.batch_size, images), images_per_s=round(rate, 1),
        minutes=round(seconds_of(work, rate, len(arms)) / 60.0, 1), arms=arms,
        pack_px=pack_px(side), pack_mb=round(3 * pack_px(side) ** 2 * images / 1e6, 1),
    )  # fmt: skip


def describe_dense_plan(found: DensePlan) -> str:
    """Tell a plan in a few lines.

    Args:
        found: Of a detector or a segmenter.
    """
    beside = f", with the starts {', '.join(found.arms)} beside it" if found.arms else ""
    return "\n".join(
        [
            f"images      {found.images} for training, {found.input_px} px",
            f"network     {found.params / 1e6:.2f} M parameters, {found.macs / 1e6:.0f} M MACs an "
            "image",
            f"steps       {found.steps} ({found.epochs} epochs, batch {found.batch_size})",
            f"pack        {found.pack_px} px, {found.pack_mb:g} MB of decoded images",
            f"rate        {found.images_per_s:g} img/s (measured on this device)",
            f"time        about {found.minutes:g} minutes{beside}",
        ]
    )
