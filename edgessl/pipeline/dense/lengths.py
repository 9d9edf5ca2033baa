"""How long a dense run takes here, and how many epochs fit into a time."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
import torch

from edgessl.backbones import Backbone
from edgessl.data.store import MemoryStore
from edgessl.dense.originals import pack_px
from edgessl.dense.task import Task
from edgessl.dense.work import Work
from edgessl.errors import UserError
from edgessl.optim import build_optimizer
from edgessl.pipeline.dense.run import with_length
from edgessl.pipeline.lengths import least_minutes
from edgessl.schedules import Clock
from edgessl.train import TrainingData, fit

STEPS = 4
_WARMUP_STEPS = 2
_SCORING = 0.4
"""Time of scoring an image to that of training on it: a forward pass and reading its file."""


def images_per_s(work: Work[Task]) -> float:
    """Measure a few steps on random pixels with the objects of the first images.

    Args:
        work: The run; nothing of it is written, and its weights are drawn anew later.
    """
    recipe, place = work.recipe, work.place
    side, count = recipe.image.input_px, min(recipe.train.batch_size, len(work.images.train))
    backbone = Backbone(
        recipe.backbone.name, "keep", side, batchnorm_eps=recipe.backbone.batchnorm_eps
    )
    learner = work.task.learning.learner(backbone, recipe, work.images, place, False)
    place.engine.place(learner.method)
    learner.method.train()
    pixels = torch.randint(
        256, (count, 3, pack_px(side), pack_px(side)), dtype=torch.uint8,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    store = MemoryStore(pixels, np.full((count, 2), pack_px(side), np.int32))
    steps = _WARMUP_STEPS + STEPS
    records = fit(
        learner.method, TrainingData(store), learner.sampler,
        build_optimizer(learner.method, recipe.train.optim), recipe.train.optim,
        clock=Clock(0, 1, steps), batch_size=count, seed=0, engine=place.engine,
    )  # fmt: skip
    seconds = []
    for _ in range(steps):
        began = perf_counter()
        next(records)
        if place.device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(perf_counter() - began)
    return float(count / np.median(seconds[_WARMUP_STEPS:]))


def seconds_of(work: Work[Task], rate: float, arms: int) -> float:
    """Estimate the time of a run with all that is trained beside it.

    Args:
        work: The run.
        rate: Images trained on in a second.
        arms: Trainings beside it.
    """
    trained = work.recipe.train.epochs * len(work.images.train)
    return float((1 + arms) * (trained + _scored(work)) / rate)


def _scored(work: Work[Task]) -> float:
    """Return how many trained images the scoring of a run takes as long as."""
    looks = 100.0 / work.recipe.train.val_every_percent
    return _SCORING * float(looks * len(work.images.val) + len(work.images.test))


def fitted(work: Work[Task], minutes: float, arms: int) -> Any:
    """Return the recipe with as many epochs as fit into a time.

    Args:
        work: The run.
        minutes: For all that it trains and scores.
        arms: Trainings beside it.

    Raises:
        UserError: Not one epoch fits.
    """
    epochs = count_in(
        minutes, arms=arms, rate=images_per_s(work), images=len(work.images.train),
        beside=_scored(work), one="an epoch on",
    )  # fmt: skip
    work.place.reporter.say(f"{minutes:g} minutes are {epochs} epochs here.")
    return with_length(work.recipe, "epochs", epochs)


def count_in(
    minutes: float, *, arms: int, rate: float, images: int, beside: float, one: str
) -> int:
    """Return how many epochs or steps fit into a time.

    Args:
        minutes: For all trainings and what is done beside them.
        arms: Trainings beside the run's own.
        rate: Images trained on in a second.
        images: Of an epoch or a step.
        beside: How many trained images that takes as long as, for each training.
        one: An epoch or a step in words.

    Raises:
        UserError: Not one fits.
    """
    found = int((60.0 * minutes * rate / (1 + arms) - beside) / images)
    if found < 1:
        least = (1 + arms) * (images + beside) / rate / 60.0
        raise UserError(
            f"--minutes: must leave time for {one} {images} images, which takes about "
            f"{least:.2g} minutes here with scoring, got {minutes:g}; pass --minutes "
            f"{least_minutes(least)}"
        )
    return found
