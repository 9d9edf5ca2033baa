"""How fast a stage would train here: a few steps on random pixels, in a limited time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import lcm
from time import perf_counter

import numpy as np
import torch

from edgessl.data.store import MemoryStore
from edgessl.methods.build import PretrainingMethod
from edgessl.methods.classification import Supervised
from edgessl.optim import build_optimizer
from edgessl.pipeline.finetune.classifier import new_classifier
from edgessl.pipeline.finetune.finetuning import whole_network
from edgessl.recipe.stages import PretrainStage, pretrain_stages
from edgessl.runs.stages import FINETUNE, StageId
from edgessl.schedules import Clock
from edgessl.train import TrainingData, fit
from edgessl.train.place.context import Context
from edgessl.train.place.processes import ask, batch_parts
from edgessl.train.stage.stage import Stage
from edgessl.views import ViewSampler

PROBE = StageId("probe", 0, "")
"""A stage that is only measured."""

STEPS = 5
_WARMUP_STEPS = 3  # oneDNN's first steps are slow
_BUDGET_S = 5.0  # for the steps of one stage; they get smaller batches where that is not enough
_SMALL_BATCH = 8  # at least: what a first look is measured with
_MS = 1000.0


@dataclass(frozen=True, slots=True)
class Rate:
    """What was measured of a stage.

    Attributes:
        images_per_s: Its rate.
        batch_size: Images in a measured step: the stage's, or fewer if that would take long.
    """

    images_per_s: float
    batch_size: int


def pretraining_rates(
    context: Context, method: PretrainingMethod
) -> list[tuple[PretrainStage, Rate]]:
    """Return every stage of pretraining with its measured rate.

    Args:
        context: The run.
        method: What is trained; its weights change.
    """
    table, found = context.recipe.pretrain, []
    for stage in pretrain_stages(context.recipe):
        probe = Stage(
            PROBE, stage.epochs, stage.batch_size, stage.views, stage.optim,
            table.accumulate, table.batchnorm_groups,
        )  # fmt: skip
        found.append((stage, measure_rate(context, method, probe)))
    return found


def supervised_rate(context: Context) -> Rate:
    """Return the rate of fine-tuning.

    Args:
        context: The run.
    """
    classifier = new_classifier(context, FINETUNE)
    stage, method = whole_network(context, classifier, FINETUNE, context.recipe.finetune.epochs)
    return measure_rate(context, method, stage)


def measure_rate(
    context: Context, method: PretrainingMethod | Supervised, stage: Stage
) -> Rate:
    """Measure a stage on random pixels of the pack's size, on all processes.

    Args:
        context: The run.
        method: What is trained; its weights change.
        stage: How it is trained.
    """
    ask(context, _follow_probe, method, stage)
    return _probe(context, method, stage)


def _follow_probe(
    context: Context, method: PretrainingMethod | Supervised, stage: Stage
) -> None:
    _probe(context, method, stage)


def _probe(context: Context, method: PretrainingMethod | Supervised, stage: Stage) -> Rate:
    """Measure with as many images in a step as the budget allows.

    A first look at two steps of a few images says how many that are. The time of a step on a CPU
    that is slow enough to matter is in proportion to its images.
    """
    context.engine.place(method)
    method.train()
    steps = _WARMUP_STEPS + STEPS
    batch_size = small = _small_batch(context, stage)
    seconds = _seconds(context, method, stage, small, 2)
    affordable = int(_BUDGET_S / steps / seconds[-1]) * small
    if affordable >= small:
        batch_size = min(stage.batch_size, affordable)
        seconds = _seconds(context, method, stage, batch_size, steps)[_WARMUP_STEPS:]
    else:
        seconds = seconds[-1:]
    return Rate(batch_size / float(np.median(seconds)), batch_size)


def _small_batch(context: Context, stage: Stage) -> int:
    """Return a small batch that all that divides the stage's batch divides too."""
    method, world = context.recipe.method, context.world
    parts = batch_parts(world, accumulate=stage.accumulate, groups=stage.batchnorm_groups)
    parts = lcm(parts, *(stage.accumulate * count for count in method.batch_parts().values()))
    least = max(2 * parts, 2 * stage.accumulate, _SMALL_BATCH)
    return min(stage.batch_size, -(-least // parts) * parts)


def _seconds(
    context: Context,
    method: PretrainingMethod | Supervised,
    stage: Stage,
    batch_size: int,
    steps: int,
) -> list[float]:
    """Return the seconds that each step took, the same on all processes."""
    found = []
    records = _steps(context, method, stage, batch_size, steps)
    for _ in range(steps):
        began = perf_counter()
        next(records)
        if context.device.type == "cuda":
            torch.cuda.synchronize()
        spent_us = round((perf_counter() - began) * _MS * _MS)
        found.append(context.world.highest(max(1, spent_us)) / _MS / _MS)
    return found


def _steps(
    context: Context,
    method: PretrainingMethod | Supervised,
    stage: Stage,
    batch_size: int,
    steps: int,
) -> Iterator[object]:
    size = context.images.size_px
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (batch_size, 3, size, size), dtype=torch.uint8, generator=generator)
    store = MemoryStore(pixels, np.full((batch_size, 2), size, np.int32))
    image, dataset = context.recipe.image, context.dataset
    labels = torch.zeros(batch_size, dtype=torch.int64)
    if isinstance(method, Supervised) and dataset.tags:
        labels = torch.zeros(batch_size, len(dataset.classes))
    sampler = ViewSampler(
        stage.groups, image.mean, image.std, context.engine.memory_format, stage.corruption
    )
    return fit(
        method, TrainingData(store, labels), sampler,
        build_optimizer(method, stage.optim), stage.optim,
        clock=Clock(0, 1, max(stage.epochs, steps)), batch_size=batch_size, seed=0,
        engine=context.engine, accumulate=stage.accumulate,
        batchnorm_groups=stage.batchnorm_groups,
    )  # fmt: skip
