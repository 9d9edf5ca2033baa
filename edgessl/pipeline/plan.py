"""What a run will take, before it starts: images, steps, memory, disk, and a measured time."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch

from edgessl.backbones import Classifier
from edgessl.data.store import MemoryStore
from edgessl.methods.build import PretrainingMethod, build_method
from edgessl.methods.supervised import Supervised
from edgessl.optim import build_optimizer
from edgessl.pipeline.context import Context
from edgessl.pipeline.finetuning import baseline_epochs
from edgessl.pipeline.followers import ask
from edgessl.pipeline.pretrain import new_backbone
from edgessl.pipeline.training import Stage
from edgessl.recipe import Recipe
from edgessl.recipe.view_tables import ViewGroup
from edgessl.schedules import Clock
from edgessl.train import TrainingData, fit, steps_per_epoch
from edgessl.views import ViewSampler

_PROBE_STEPS = 5
_WARMUP_STEPS = 3  # oneDNN's first steps are slow
_BYTES_PER_MB = 1e6
_FEATURE_COPIES = 4  # features as such, and what the linear probe makes of them


@dataclass(frozen=True, slots=True)
class Plan:
    """The cost of a run.

    Attributes:
        pretrain_images: Images that pretraining sees in an epoch.
        pretrain_steps: Optimiser steps of pretraining.
        finetune_steps: Optimiser steps of fine-tuning, warm-up included; 0 without labels.
        pack_px: Side of packed images.
        pack_mb: Size of the pack on disk and in memory.
        enlarged_percent: Share of views cut from fewer packed pixels than they have, by group.
        memory_mb: Estimated peak memory of training.
        disk_mb: Estimated size of run folder and pack.
        images_per_s: Measured rate of pretraining.
        finetune_images_per_s: Measured rate of fine-tuning; 0 without labels.
        minutes: Estimated time of the whole run with its baselines.
    """

    pretrain_images: int
    pretrain_steps: int
    finetune_steps: int
    pack_px: int
    pack_mb: float
    enlarged_percent: tuple[float, ...]
    memory_mb: float
    disk_mb: float
    images_per_s: float
    finetune_images_per_s: float
    minutes: float


def make_plan(context: Context, baselines: tuple[str, ...]) -> Plan:
    """Measure a few steps on random pixels and work out the rest. Nothing is trained or written.

    Args:
        context: The run.
        baselines: ``random``, ``longer``, or none.
    """
    recipe, dataset = context.recipe, context.dataset
    images, labelled = len(dataset.pretraining), len(dataset.train)
    pack_px = context.images.size_px
    pack_mb = images * 3 * pack_px**2 / _BYTES_PER_MB
    backbone = new_backbone(context, stage=0, whole=False)
    method = build_method(backbone, recipe.method)
    parameters = sum(p.numel() for p in method.parameters())
    rate = _rate(
        context, method,
        Stage("probe", 0, recipe.pretrain.epochs, recipe.pretrain.batch_size, recipe.views,
              recipe.optim),
    )
    pretrain_s = images * recipe.pretrain.epochs / rate
    supervised_rate, supervised_s, finetune_steps = 0.0, 0.0, 0
    if dataset.classes:
        supervised_rate = _supervised_rate(context)
        epochs = baseline_epochs(context)
        finetune_s = labelled * epochs / supervised_rate
        finetune_steps = epochs * steps_per_epoch(labelled, recipe.finetune.batch_size)
        supervised_s = finetune_s * (1 + ("random" in baselines))
        supervised_s += (pretrain_s + finetune_s) * ("longer" in baselines)
    state_mb = parameters * 4 * 2 / _BYTES_PER_MB  # weights and momentum
    scored = labelled + len(dataset.val) + len(dataset.test) if dataset.classes else 0
    feature_mb = scored * backbone.feature_dim * 4 / _BYTES_PER_MB
    image_mb = context.images.ram_bytes() / _BYTES_PER_MB + _FEATURE_COPIES * feature_mb
    return Plan(
        pretrain_images=images,
        pretrain_steps=recipe.pretrain.epochs * steps_per_epoch(images, recipe.pretrain.batch_size),
        finetune_steps=finetune_steps,
        pack_px=pack_px,
        pack_mb=round(pack_mb, 1),
        enlarged_percent=tuple(_enlarged_percent(group, pack_px) for group in recipe.views),
        memory_mb=round(_peak_mb() + image_mb + state_mb, 0),
        disk_mb=round(pack_mb + 3 * state_mb + 6 * parameters * 4 / _BYTES_PER_MB, 0),
        images_per_s=round(rate, 1),
        finetune_images_per_s=round(supervised_rate, 1),
        minutes=round((pretrain_s + supervised_s) * 1.08 / 60, 1),  # 8 %: monitor and evaluation
    )


def pretraining_epochs(context: Context, minutes: float) -> int:
    """Return the pretraining epochs that fit into ``minutes``, from the measured rate."""
    recipe = context.recipe
    method = build_method(new_backbone(context, stage=0, whole=False), recipe.method)
    stage = Stage("probe", 0, recipe.pretrain.epochs, recipe.pretrain.batch_size, recipe.views,
                  recipe.optim)
    rate = _rate(context, method, stage)
    supervised_s = 0.0
    if context.dataset.classes:
        images = len(context.dataset.train) * baseline_epochs(context)
        supervised_s = 2.0 * images / _supervised_rate(context)
    left = 60.0 * minutes / 1.08 - supervised_s
    return max(1, int(left * rate / len(context.dataset.pretraining)))


def _supervised_rate(context: Context) -> float:
    table = context.recipe.finetune
    backbone = new_backbone(context, stage=0, whole=True)
    method = Supervised(Classifier(backbone, max(2, len(context.dataset.classes))))
    stage = Stage("probe", 0, table.epochs, table.batch_size, (table.view,), table.optim)
    return _rate(context, method, stage)


def _rate(context: Context, method: PretrainingMethod | Supervised, stage: Stage) -> float:
    """Measure images/s of a stage on random pixels of the pack's size, on all processes."""
    ask(context, _follow_probe, method, stage)
    seconds = _probe(context, method, stage)
    return stage.batch_size / float(np.median(seconds[_WARMUP_STEPS:]))


def _follow_probe(
    context: Context, method: PretrainingMethod | Supervised, stage: Stage
) -> None:
    _probe(context, method, stage)


def _probe(
    context: Context, method: PretrainingMethod | Supervised, stage: Stage
) -> list[float]:
    """Return the seconds that each of a few steps took."""
    context.engine.place(method)
    method.train()
    size = context.images.size_px
    generator = torch.Generator().manual_seed(0)
    count = stage.batch_size
    pixels = torch.randint(256, (count, 3, size, size), dtype=torch.uint8, generator=generator)
    labels = torch.zeros(count, dtype=torch.int64)
    store = MemoryStore(pixels, np.full((count, 2), size, np.int32))
    data = TrainingData(store, labels)
    image = context.recipe.image
    sampler = ViewSampler(stage.groups, image.mean, image.std, context.engine.memory_format)
    steps = fit(
        method, data, sampler, build_optimizer(method, stage.optim), stage.optim,
        clock=Clock(0, 1, max(stage.epochs, _WARMUP_STEPS + _PROBE_STEPS)), batch_size=count,
        seed=0, engine=context.engine, accumulate=stage.accumulate,
        batchnorm_groups=stage.batchnorm_groups,
    )
    seconds = []
    for _ in range(_WARMUP_STEPS + _PROBE_STEPS):
        began = perf_counter()
        next(steps)
        if context.device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(perf_counter() - began)
    return seconds


def _enlarged_percent(group: ViewGroup, pack_px: int) -> float:
    low, high = group.area
    limit = (group.size_px / pack_px) ** 2  # crops under this area have fewer packed pixels
    share = 0.0 if high == low else (limit - low) / (high - low)
    return round(100.0 * min(1.0, max(0.0, share)), 1)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000.0


def describe_plan(plan: Plan, recipe: Recipe) -> str:
    """Tell a plan in a few lines."""
    groups = " + ".join(f"{group.count}x{group.size_px}" for group in recipe.views)
    enlarged = ", ".join(f"{percent:g} %" for percent in plan.enlarged_percent)
    lines = [
        f"images      {plan.pretrain_images} for pretraining, views {groups} px",
        f"steps       {plan.pretrain_steps} pretraining ({recipe.pretrain.epochs} epochs, "
        f"batch {recipe.pretrain.batch_size}), {plan.finetune_steps} fine-tuning",
        f"pack        {plan.pack_px} px, {plan.pack_mb:g} MB; views enlarged: {enlarged}",
        f"rate        {plan.images_per_s:g} img/s pretraining, "
        f"{plan.finetune_images_per_s:g} img/s fine-tuning (measured on this device)",
        f"time        about {plan.minutes:g} minutes with baselines",
        f"memory      about {plan.memory_mb:g} MB",
        f"disk        about {plan.disk_mb:g} MB",
    ]
    return "\n".join(lines)
