"""How long a dense run takes here, and how many epochs fit into a time."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
import torch

from edgessl.backbones import Backbone
from edgessl.data.store import MemoryStore
from edgessl.dense.originals import pack_px
from edgessl.dense.train import Work
from edgessl.errors import UserError
from edgessl.optim import build_optimizer
from edgessl.pipeline.lengths import least_minutes
from edgessl.schedules import Clock
from edgessl.train import TrainingData, fit

STEPS = 4
_WARMUP_STEPS = 2
_SCORING = 0.4
"""Time of scoring an image to that of training on it: a forward pass and reading its file."""


def images_per_s(work: Work) -> float:
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


def seconds_of(work: Work, rate: float, arms: int) -> float:
    """Estimate the time of a run with all that is trained beside it.

    Args:
        work: The run.
        rate: Images trained on in a second.
        arms: Trainings beside it.
    """
    trained = work.recipe.train.epochs * len(work.images.train)
    return float((1 + arms) * (trained + _scored(work)) / rate)


def _scored(work: Work) -> float:
    """Return how many trained images the scoring of a run takes as long as."""
    looks = 100.0 / work.recipe.train.val_every_percent
    return _SCORING * float(looks * len(work.images.val) + len(work.images.test))


def fitted(work: Work, minutes: float, arms: int) -> Any:
    """Return the recipe with as many epochs as fit into a time.

    Args:
        work: The run.
        minutes: For all that it trains and scores.
        arms: Trainings beside it.

    Raises:
        UserError: Not one epoch fits.
    """
    rate, images = images_per_s(work), len(work.images.train)
    epochs = int((60.0 * minutes * rate / (1 + arms) - _scored(work)) / images)
    if epochs < 1:
        least = (1 + arms) * (images + _scored(work)) / rate / 60.0
        raise UserError(
            f"--minutes: must leave time for an epoch on {images} images, which takes about "
            f"{least:.2g} minutes here with scoring, got {minutes:g}; pass --minutes "
            f"{least_minutes(least)}"
        )
    work.place.reporter.say(f"{minutes:g} minutes are {epochs} epochs here.")
    return with_epochs(work.recipe, epochs)


def with_epochs(recipe: Any, epochs: int) -> Any:
    """Return a dense recipe with other epochs."""
    train = recipe.train.model_copy(update={"epochs": epochs})
    return recipe.model_copy(update={"train": train})
