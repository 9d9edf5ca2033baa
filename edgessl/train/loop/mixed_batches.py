"""Batches of labelled images, as many of each class, and of images without label beside them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edgessl.distributed import ALONE, World
from edgessl.rng import DrawKey, permutation
from edgessl.schedules import Clock
from edgessl.train.loop.micro_batch import MicroBatch

_CLASSES, _IMAGES, _OTHERS = 1 << 20, 2 << 20, 3 << 20
"""Orders are drawn by them in place of epochs, which are fewer."""


def others_in_step(labelled: int, ratio: int, others: int, parts: int = 1) -> int:
    """Return how many images without label are in a step: ``ratio`` for each labelled one, or all.

    Args:
        labelled: Labelled images in a step.
        ratio: Of the two.
        others: All images without label.
        parts: That they must be divisible by.
    """
    return min(labelled * ratio, others // parts * parts)


def mixed_batches(
    clock: Clock,
    labels: NDArray[np.int64],
    others: int,
    *,
    batch_size: int,
    ratio: int,
    accumulate: int,
    seed: int,
    world: World = ALONE,
) -> Iterator[MicroBatch]:
    """List what is left of a stage, as a function of the seed and the clock alone.

    Labelled images come class by class in turn, so that a step has about as many of each, and the
    images of a class in an order of their own; those without label in one order, again and again.
    Every step has draws of its own: an image may come several times in an epoch.

    Args:
        clock: Where to start.
        labels: Class of each labelled image, ``(n,)``.
        others: Number ``U`` of images without label; they have the sample ids from ``n`` on.
        batch_size: Labelled images in a step, of all processes.
        ratio: Images without label for each of them.
        accumulate: Micro-batches in a step.
        seed: The run's seed.
        world: The processes; each gets a contiguous part of both kinds.
    """
    parts = accumulate * world.size
    count = others_in_step(batch_size, ratio, others, parts)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    for step in range(clock.step, clock.total_steps):
        known = _balanced(members, np.arange(step * batch_size, (step + 1) * batch_size),
                          seed, clock.stage)  # fmt: skip
        rest = np.arange(step * count, (step + 1) * count)
        rest = len(labels) + _streamed(others, rest, seed, clock.stage, _OTHERS)
        key = DrawKey(seed, clock.stage, step)
        pairs = zip(np.array_split(known, accumulate), np.array_split(rest, accumulate),
                    strict=True)  # fmt: skip
        for number, (own, beside) in enumerate(pairs, start=1):
            ids = np.concatenate([
                own[world.share_of(len(own))], beside[world.share_of(len(beside))],
            ])  # fmt: skip
            yield MicroBatch(key, ids, ids, number == accumulate)


def _balanced(
    members: list[NDArray[np.int64]], places: NDArray[np.int64], seed: int, stage: int
) -> NDArray[np.int64]:
    """Return the images at places of a stream that takes one of each class in turn.

    Args:
        members: Images of each class.
        places: In the stream, ascending.
        seed: The run's seed.
        stage: Number of the stage.
    """
    found = np.empty(len(places), np.int64)
    rounds = places // len(members)
    chosen = _streamed(len(members), places, seed, stage, _CLASSES)
    for label in np.unique(chosen):
        at = chosen == label
        own = members[label]
        salt = _IMAGES + (int(label) << 32)
        found[at] = own[_streamed(len(own), rounds[at], seed, stage, salt)]
    return found


def _streamed(
    size: int, places: NDArray[np.int64], seed: int, stage: int, salt: int
) -> NDArray[np.int64]:
    """Return what stands at places of a stream of permutations of ``size`` things."""
    found = np.empty(len(places), np.int64)
    for turn in np.unique(places // size):
        at = places // size == turn
        found[at] = permutation(DrawKey(seed, stage, salt + int(turn)), size)[places[at] % size]
    return found
