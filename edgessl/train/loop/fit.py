"""The training loop: packed images to updated weights."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgessl.data.store import ImageStore
from edgessl.distributed import ALONE, World
from edgessl.distributed.collectives import means_over_processes
from edgessl.methods.method import Method
from edgessl.optim import set_hyperparameters
from edgessl.recipe.optim_tables import Optim
from edgessl.rng import DrawKey, permutation, step_seed
from edgessl.schedules import Clock
from edgessl.train.loop.balanced_order import balanced_order
from edgessl.train.loop.engine import Engine
from edgessl.train.loop.micro_batch import MicroBatch
from edgessl.train.loop.mixed_batches import mixed_batches, others_in_step
from edgessl.train.loop.parallel import Parallel
from edgessl.train.loop.stopwatch import Stopwatch

Sampler = Callable[[Tensor, NDArray[np.int32], NDArray[np.int64], DrawKey], list[Tensor]]
"""Makes the views of a batch; see ``ViewSampler``."""


class FiniteCheck:
    """Copies one bit of a loss to the CPU while the backward pass goes on.

    Args:
        loss: Scalar, on any device; the check sees its value now.
    """

    def __init__(self, loss: Tensor) -> None:
        finite = torch.isfinite(loss.detach())
        self._event: torch.cuda.Event | None = None
        if finite.device.type == "cuda":
            self._bit = torch.empty((), dtype=torch.bool, pin_memory=True)
            self._bit.copy_(finite, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record()
        else:
            self._bit = finite

    def __bool__(self) -> bool:
        """Say whether it is finite. On a GPU this waits for the forward pass only."""
        if self._event is not None:
            self._event.synchronize()
        return bool(self._bit)


class BufferBackup:
    """Keeps running statistics, centres and queues as they were before a forward pass.

    A forward pass moves them; where its loss is not finite they may be spoilt for good.

    Args:
        buffers: Of a module, changed in place only.
    """

    def __init__(self, buffers: Iterable[Tensor]) -> None:
        groups: dict[torch.dtype, list[Tensor]] = defaultdict(list)  # foreach wants one type
        for buffer in buffers:
            groups[buffer.dtype].append(buffer)
        self._groups = [(group, [b.clone() for b in group]) for group in groups.values()]

    @torch.no_grad()
    def keep(self) -> None:
        """Copy the buffers as they are now."""
        for buffers, copies in self._groups:
            torch._foreach_copy_(copies, buffers)

    @torch.no_grad()
    def put_back(self) -> None:
        """Give the buffers the values they were kept with."""
        for buffers, copies in self._groups:
            torch._foreach_copy_(buffers, copies)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a stage trains on.

    Attributes:
        images: Packed images.
        labels: Class of each image, ``(N,)`` int64 on the CPU, or None. Where there are images
            without label beside the labelled ones, theirs is ``-1 - position`` among them.
        labelled: How many of the images have a label, where others stand beside them in every step:
            the first ones. None where all are alike.
        ratio: Images without label for each labelled one in a step.
        balanced: Whether an epoch draws every class alike often; needs labels, and no others.
    """

    images: ImageStore
    labels: Tensor | None = None
    labelled: int | None = None
    ratio: int = 0
    balanced: bool = False

    def __len__(self) -> int:
        """Images of an epoch: all, or the labelled ones where others stand beside them."""
        return len(self.images) if self.labelled is None else self.labelled

    def images_in_step(self, batch_size: int, parts: int = 1) -> int:
        """Return how many images a step has, those without label too.

        Args:
            batch_size: Of the step, without them.
            parts: That a batch must be divisible by.
        """
        if self.labelled is None:
            return batch_size
        others = len(self.images) - self.labelled
        return batch_size + others_in_step(batch_size, self.ratio, others, parts)

    def order(self, key: DrawKey) -> NDArray[np.int64]:
        """Return what an epoch visits, ``(N,)``: ids, plus N for every time one has come before.

        Args:
            key: Of its draws.
        """
        if self.balanced and self.labels is not None:
            return balanced_order(key, self.labels.numpy())
        return permutation(key, len(self))


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One optimiser step.

    Attributes:
        clock: After the step.
        loss: Its loss over the global batch, still on the device.
        log: Further scalars of the method, likewise.
        lr: Its learning rate.
        skipped: Whether the weights stayed, because the loss was not finite.
        watch: Where its time went.
        winners: The most likely prototype of its targets, ``(N,)``; None without prototypes.
    """

    clock: Clock
    loss: Tensor
    log: dict[str, Tensor]
    lr: float
    skipped: bool
    watch: Stopwatch
    winners: Tensor | None = None


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Whole batches in an epoch; the rest is dropped. A set under one batch is one batch."""
    return max(1, images // batch_size)


def step_images(images: int, batch_size: int, parts: int = 1) -> int:
    """Images in a step: the batch, or a smaller set cut to a multiple of ``parts``."""
    return batch_size if images >= batch_size else images // parts * parts


def micro_batches(
    clock: Clock,
    images: int,
    *,
    batch_size: int,
    accumulate: int,
    seed: int,
    world: World = ALONE,
    order: Callable[[DrawKey], NDArray[np.int64]] | None = None,
) -> Iterator[MicroBatch]:
    """List what is left of a stage, as a function of the seed and the clock alone.

    Args:
        clock: Where to start.
        images: Images in the set.
        batch_size: Images in a step, of all processes.
        accumulate: Micro-batches in a step.
        seed: The run's seed.
        world: The processes; each gets a contiguous part of every micro-batch.
        order: What an epoch visits, as ``TrainingData.order``; None for a permutation.
    """
    for epoch in range(clock.epoch, clock.epochs):
        key = DrawKey(seed, clock.stage, epoch)
        visited = permutation(key, images) if order is None else order(key)
        first = clock.step % clock.steps_per_epoch if epoch == clock.epoch else 0
        for start in range(first, clock.steps_per_epoch):
            step = visited[start * batch_size : (start + 1) * batch_size]
            for number, part in enumerate(np.array_split(step, accumulate), start=1):
                draws = part[world.share_of(len(part))]
                yield MicroBatch(key, draws % images, draws, number == accumulate)


def _listed(
    data: TrainingData, clock: Clock, *, batch_size: int, accumulate: int, seed: int, world: World
) -> Iterator[MicroBatch]:
    if data.labelled is None or data.labels is None:
        return micro_batches(
            clock, len(data),
            batch_size=batch_size, accumulate=accumulate, seed=seed, world=world,
            order=data.order,
        )  # fmt: skip
    return mixed_batches(
        clock, data.labels[: data.labelled].numpy(), len(data.images) - data.labelled,
        batch_size=batch_size, ratio=data.ratio, accumulate=accumulate, seed=seed, world=world,
    )  # fmt: skip


def fit(
    method: Method,
    data: TrainingData,
    sampler: Sampler,
    optimizer: torch.optim.Optimizer,
    optim: Optim,
    *,
    clock: Clock,
    batch_size: int,
    seed: int,
    engine: Engine,
    accumulate: int = 1,
    lr_factor: float = 1.0,
    batchnorm_groups: int = 1,
    scaler: torch.amp.GradScaler | None = None,
) -> Iterator[StepRecord]:
    """Train from ``clock`` to the end of its stage, one record a step.

    Everything random is a function of the seed and the clock, so that going on from any step gives
    what an uninterrupted run gives. A step whose loss is not finite leaves everything alone:
    weights, running statistics, optimiser, and what follows the weights. Nor does anything depend
    on the number of processes, but for dropout and drop path, whose masks each process draws.

    Args:
        method: In training mode, on the device.
        data: Images, and labels if the method wants them.
        sampler: Makes the views.
        optimizer: Updates the method's parameters.
        optim: Its schedules.
        clock: Where to start.
        batch_size: Images in a step, of all processes.
        seed: The run's seed.
        engine: What it runs on.
        accumulate: Micro-batches in a step, each with a forward and backward pass of its own.
        lr_factor: The scheduled learning rate is multiplied by it.
        batchnorm_groups: Equal contiguous groups of a micro-batch that BN is computed over.
        scaler: Of fp16 gradients; None for a new one.
    """
    scaler = scaler or engine.scaler()
    listed = partial(
        _listed, data, clock,
        batch_size=batch_size, accumulate=accumulate, seed=seed, world=engine.world,
    )  # fmt: skip
    parallel = Parallel(method, engine, batchnorm_groups=batchnorm_groups)
    ahead = (micro.ids for micro in listed())
    batches = data.images.batches(ahead, engine.device)
    buffers = BufferBackup(cast(nn.Module, method).buffers())  # every method is a module
    losses: list[Tensor] = []
    finite: list[FiniteCheck] = []
    watch = Stopwatch(engine.device)
    for micro, packed in zip(listed(), batches, strict=True):
        watch.lap("data")
        views = sampler(packed, data.images.sizes[micro.ids], micro.draws, micro.key)
        labels = None
        if data.labels is not None:
            labels = data.labels[torch.from_numpy(micro.ids)].to(engine.device, non_blocking=True)
        draw = step_seed(micro.key, clock.step * accumulate + len(losses))
        torch.manual_seed((draw + engine.world.rank) % 2**63)
        watch.lap("views")

        if not losses:
            buffers.keep()
        step = parallel(views, labels, clock, exchange=micro.last)
        log = means_over_processes({**step.log, "loss": step.loss.detach()})
        loss = log.pop("loss")
        losses.append(loss / accumulate)
        finite.append(FiniteCheck(loss))
        torch.autograd.backward(scaler.scale(step.loss / accumulate))
        watch.lap("forward_backward")
        if not micro.last:
            continue

        for parameter in step.frozen:
            parameter.grad = None
        lr = set_hyperparameters(optimizer, optim, clock, batch_size, lr_factor)
        skipped = not all(finite)
        if not skipped:
            scaler.step(optimizer)
            scaler.update()
            watch.lap("optimizer")
            method.after_step(clock)
            watch.lap("teacher")
        else:
            buffers.put_back()
        optimizer.zero_grad(set_to_none=True)
        clock = replace(clock, step=clock.step + 1)
        yield StepRecord(
            clock, torch.stack(losses).sum(), log, lr, skipped, watch, step.winners
        )
        watch, losses, finite = Stopwatch(engine.device), [], []
