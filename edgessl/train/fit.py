"""The training loop: packed images to updated weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgessl.data.store import ImageStore
from edgessl.methods.method import Method
from edgessl.optim import set_hyperparameters
from edgessl.recipe.optim_tables import Optim
from edgessl.rng import DrawKey, permutation, step_seed
from edgessl.schedules import Clock
from edgessl.train.engine import Engine
from edgessl.train.finite import FiniteCheck
from edgessl.train.stopwatch import Stopwatch
from edgessl.views import ViewSampler


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a stage trains on.

    Attributes:
        images: Packed images.
        labels: Class of each image, ``(N,)`` int64 on the CPU, or None.
    """

    images: ImageStore
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """The images of one forward and backward pass.

    Attributes:
        key: Of their random draws.
        ids: Which images, ``(B,)``.
        last: Whether the optimiser steps after it.
    """

    key: DrawKey
    ids: NDArray[np.int64]
    last: bool


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One optimiser step.

    Attributes:
        clock: After the step.
        loss: Its loss, still on the device.
        log: Further scalars of the method, on the device.
        lr: Its learning rate.
        skipped: Whether the weights stayed, because the loss was not finite.
        watch: Where its time went.
    """

    clock: Clock
    loss: Tensor
    log: dict[str, Tensor]
    lr: float
    skipped: bool
    watch: Stopwatch


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Whole batches in an epoch; the rest is dropped. A set under one batch is one batch."""
    return max(1, images // batch_size)


def micro_batches(
    clock: Clock, images: int, *, batch_size: int, accumulate: int, seed: int
) -> Iterator[MicroBatch]:
    """List what is left of a stage, as a function of the seed and the clock alone.

    Args:
        clock: Where to start.
        images: Images in the set.
        batch_size: Images in a step.
        accumulate: Micro-batches in a step.
        seed: The run's seed.
    """
    for epoch in range(clock.epoch, clock.epochs):
        key = DrawKey(seed, clock.stage, epoch)
        order = permutation(key, images)
        first = clock.step % clock.steps_per_epoch if epoch == clock.epoch else 0
        for start in range(first, clock.steps_per_epoch):
            parts = np.array_split(order[start * batch_size : (start + 1) * batch_size], accumulate)
            for number, ids in enumerate(parts, start=1):
                yield MicroBatch(key, ids, number == accumulate)


def fit(
    method: Method,
    data: TrainingData,
    sampler: ViewSampler,
    optimizer: torch.optim.Optimizer,
    optim: Optim,
    *,
    clock: Clock,
    batch_size: int,
    seed: int,
    engine: Engine,
    accumulate: int = 1,
    lr_factor: float = 1.0,
    scaler: torch.amp.GradScaler | None = None,
) -> Iterator[StepRecord]:
    """Train from ``clock`` to the end of its stage, one record a step.

    Everything random is a function of the seed and the clock, so that going on from any step gives
    what an uninterrupted run gives. A step whose loss is not finite leaves the weights alone.

    Args:
        method: In training mode, on the device.
        data: Images, and labels if the method wants them.
        sampler: Makes the views.
        optimizer: Updates the method's parameters.
        optim: Its schedules.
        clock: Where to start.
        batch_size: Images in a step.
        seed: The run's seed.
        engine: What it runs on.
        accumulate: Micro-batches in a step, each with a forward and backward pass of its own.
        lr_factor: The scheduled learning rate is multiplied by it.
        scaler: Of fp16 gradients; None for a new one.
    """
    scaler = scaler or engine.scaler()
    work = {"batch_size": batch_size, "accumulate": accumulate, "seed": seed}
    ahead = (micro.ids for micro in micro_batches(clock, len(data), **work))
    batches = data.images.batches(ahead, engine.device)
    losses: list[Tensor] = []
    finite: list[FiniteCheck] = []
    watch = Stopwatch(engine.device)
    for micro, packed in zip(micro_batches(clock, len(data), **work), batches, strict=True):
        watch.lap("data")
        views = sampler(packed, data.images.sizes[micro.ids], micro.ids, micro.key)
        labels = None
        if data.labels is not None:
            labels = data.labels[torch.from_numpy(micro.ids)].to(engine.device, non_blocking=True)
        torch.manual_seed(step_seed(micro.key, clock.step * accumulate + len(losses)))
        watch.lap("views")

        with engine.autocast():
            loss, log = method(views, labels, clock)
        losses.append(loss.detach() / accumulate)
        finite.append(FiniteCheck(loss))
        torch.autograd.backward(scaler.scale(loss / accumulate))
        watch.lap("forward_backward")
        if not micro.last:
            continue

        lr = set_hyperparameters(optimizer, optim, clock, batch_size, lr_factor)
        skipped = not all(finite)
        if not skipped:
            scaler.step(optimizer)
            scaler.update()
            watch.lap("optimizer")
            method.after_step(clock)
            watch.lap("teacher")
        optimizer.zero_grad(set_to_none=True)
        clock = replace(clock, step=clock.step + 1)
        yield StepRecord(clock, torch.stack(losses).sum(), log, lr, skipped, watch)
        watch, losses, finite = Stopwatch(engine.device), [], []
