"""Stateless randomness: every draw is a hash of what it is for, never of what came before.

A draw is keyed by (seed, stage, epoch) and by sample, view and operation. The hash runs on integers
in numpy on the CPU, so a resumed run, another batch size, another number of processes and another
device all see the same numbers.

Source:
    The mixing step is the finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads consecutive integers
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class DrawKey:
    """What a set of draws belongs to.

    Attributes:
        seed: The run's seed.
        stage: Number of the training stage; stages never share draws.
        epoch: Epoch within the stage.
    """

    seed: int
    stage: int
    epoch: int


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble, in place."""
    state ^= state >> np.uint64(30)
    state *= np.uint64(0xBF58476D1CE4E5B9)
    state ^= state >> np.uint64(27)
    state *= np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return state


def _absorb(state: NDArray[np.uint64], word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return _mix(state + (word + np.uint64(1)) * _GOLDEN)


def _start(key: DrawKey) -> NDArray[np.uint64]:
    state = np.zeros((1,), dtype=np.uint64)
    for word in (key.seed, key.stage, key.epoch):
        state = _absorb(state, np.array([word & _MASK], dtype=np.uint64))
    return state


def _draws(
    start: NDArray[np.uint64], ids: NDArray[np.int64], views: NDArray[np.int64], counts: list[int]
) -> NDArray[np.float64]:
    """Draw ``counts[o]`` numbers of the o-th of ``start``, for ids and views that broadcast.

    Args:
        start: State of each operation, ``(O,)``.
        ids: Sample ids, any shape.
        views: View numbers, any shape.
        counts: How many numbers each operation needs.
    """
    state = _absorb(start, ids.astype(np.uint64)[..., None])
    state = _absorb(state, views.astype(np.uint64)[..., None])  # (..., O)
    counter = np.concatenate([np.arange(count, dtype=np.uint64) for count in counts])
    if len(counts) > 1:
        state = np.repeat(state, counts, axis=-1)
    state = _absorb(state, counter)
    state >>= np.uint64(11)
    numbers = state.astype(np.float64)
    numbers *= 2.0**-53
    return numbers


def uniforms(
    key: DrawKey, ids: NDArray[np.int64], views: NDArray[np.int64], operation: int, count: int
) -> NDArray[np.float64]:
    """Draw independent uniform numbers for every sample and view.

    Args:
        key: Seed, stage and epoch.
        ids: Sample ids, ``(B,)``.
        views: View numbers, ``(V,)``.
        operation: Number of the operation; operations never share draws.
        count: How many numbers each sample and view needs. The first ones do not depend on how
            many follow.

    Returns:
        Numbers in [0, 1), ``(B, V, count)``.
    """
    return uniforms_of_operations(key, ids, views, {operation: count})[0]


def uniforms_of_operations(
    key: DrawKey, ids: NDArray[np.int64], views: NDArray[np.int64], counts: Mapping[int, int]
) -> list[NDArray[np.float64]]:
    """Draw what ``uniforms`` gives for several operations, in one go.

    Args:
        key: Seed, stage and epoch.
        ids: Sample ids, ``(B,)``.
        views: View numbers, ``(V,)``.
        counts: How many numbers each sample and view needs, by the operation's number.

    Returns:
        For each operation its numbers in [0, 1), ``(B, V, count)``.
    """
    start = _absorb(_start(key), np.array(list(counts), dtype=np.uint64))
    sizes = list(counts.values())
    return np.split(_draws(start, ids[:, None], views, sizes), np.cumsum(sizes)[:-1], axis=-1)


def uniforms_of_pairs(
    key: DrawKey, ids: NDArray[np.int64], views: NDArray[np.int64], operation: int, count: int
) -> NDArray[np.float64]:
    """Draw what ``uniforms`` gives, for some pairs of sample and view only.

    Args:
        key: Seed, stage and epoch.
        ids: Sample id of each pair, ``(M,)``.
        views: View number of each pair, ``(M,)``.
        operation: Number of the operation.
        count: How many numbers each pair needs.

    Returns:
        Numbers in [0, 1), ``(M, count)``.
    """
    start = _absorb(_start(key), np.array([operation], dtype=np.uint64))
    return _draws(start, ids, views, [count])


def permutation(key: DrawKey, size: int) -> NDArray[np.int64]:
    """Return the order in which an epoch visits its samples, ``(size,)``."""
    state = _absorb(_start(key), np.array([_MASK >> 1], dtype=np.uint64))
    scores = _absorb(state, np.arange(size, dtype=np.uint64))
    return np.argsort(scores, kind="stable").astype(np.int64)


def step_seed(key: DrawKey, step: int) -> int:
    """Return a 63-bit seed for torch's generators at one step (dropout, drop path, mixup)."""
    state = _absorb(_start(key), np.array([_MASK >> 2], dtype=np.uint64))
    state = _absorb(state, np.array([step], dtype=np.uint64))
    return int(state[0] >> np.uint64(1))
