"""The training loop: packed images to updated weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgessl.methods.method import Method
from edgessl.optim import set_hyperparameters
from edgessl.recipe.optim_tables import Optim
from edgessl.rng import DrawKey, permutation, step_seed
from edgessl.schedules import Clock
from edgessl.views import ViewSampler


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a stage trains on.

    Attributes:
        images: Packed images, ``(N, 3, S, S)`` uint8.
        sizes: Original height and width, ``(N, 2)``.
        labels: Class of each image, ``(N,)``, or None.
    """

    images: Tensor
    sizes: NDArray[np.int32]
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One optimiser step.

    Attributes:
        clock: After the step.
        loss: Its loss, still on the device.
        log: Further scalars of the method, on the device.
        lr: Its learning rate.
        seconds: Its wall time.
        data_seconds: Time of that outside forward, backward, optimiser and EMA.
    """

    clock: Clock
    loss: Tensor
    log: dict[str, Tensor]
    lr: float
    seconds: float
    data_seconds: float


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Whole batches in an epoch; the rest is dropped. A set under one batch is one batch."""
    return max(1, images // batch_size)


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
    device: torch.device,
) -> Iterator[StepRecord]:
    """Train from ``clock`` to the end of its stage, one record a step.

    Everything random is a function of the seed and the clock, so that going on from any step gives
    what an uninterrupted run gives.

    Args:
        method: In training mode, on the device.
        data: Images, and labels if the method wants them.
        sampler: Makes the views.
        optimizer: Updates the method's parameters.
        optim: Its schedules.
        clock: Where to start.
        batch_size: Images in a step.
        seed: The run's seed.
        device: Where views are made and the method lives.
    """
    while clock.step < clock.total_steps:
        key = DrawKey(seed, clock.stage, clock.epoch)
        order = permutation(key, len(data))
        for start in range(clock.step % clock.steps_per_epoch, clock.steps_per_epoch):
            began = perf_counter()
            ids = order[start * batch_size : (start + 1) * batch_size]
            index = torch.from_numpy(ids)
            views = sampler(data.images[index].to(device), data.sizes[ids], ids, key)
            labels = None if data.labels is None else data.labels[index].to(device)
            lr = set_hyperparameters(optimizer, optim, clock, batch_size)
            torch.manual_seed(step_seed(key, clock.step))
            views_done = perf_counter()

            loss, log = method(views, labels, clock)
            torch.autograd.backward(loss)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            method.after_step(clock)

            clock = replace(clock, step=clock.step + 1)
            seconds, data_seconds = perf_counter() - began, views_done - began
            yield StepRecord(clock, loss.detach(), log, lr, seconds, data_seconds)
