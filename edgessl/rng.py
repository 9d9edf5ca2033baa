"""Stateless randomness: every draw is a hash of what it is for, never of what came before.

A draw is keyed by (seed, stage, epoch) and by sample, view and operation. The hash runs on integers
in numpy on the CPU, so a resumed run, another batch size, another number of processes and another
device all see the same numbers.

Source:
    The mixing step is the finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014).
"""

from __future__ import annotations

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
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def _absorb(state: NDArray[np.uint64], word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return _mix(state + (word + np.uint64(1)) * _GOLDEN)


def _start(key: DrawKey) -> NDArray[np.uint64]:
    state = np.zeros((1,), dtype=np.uint64)
    for word in (key.seed, key.stage, key.epoch):
        state = _absorb(state, np.array([word & _MASK], dtype=np.uint64))
    return state


def uniforms(
    key: DrawKey, ids: NDArray[np.int64], views: NDArray[np.int64], operation: int, count: int
) -> NDArray[np.float64]:
    """Draw independent uniform numbers for every sample and view.

    Args:
        key: Seed, stage and epoch.
        ids: Sample ids, ``(B,)``.
        views: View numbers, ``(V,)``.
        operation: Number of the operation; operations never share draws.
        count: How many numbers each sample and view needs.

    Returns:
        Numbers in [0, 1), ``(B, V, count)``.
    """
    with np.errstate(over="ignore"):
        state = _absorb(_start(key), np.array([operation], dtype=np.uint64))
        state = _absorb(state[:, None, None], ids.astype(np.uint64)[:, None, None])
        state = _absorb(state, views.astype(np.uint64)[None, :, None])
        state = _absorb(state, np.arange(count, dtype=np.uint64)[None, None, :])
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permutation(key: DrawKey, size: int) -> NDArray[np.int64]:
    """Return the order in which an epoch visits its samples, ``(size,)``."""
    with np.errstate(over="ignore"):
        state = _absorb(_start(key), np.array([_MASK >> 1], dtype=np.uint64))
        scores = _absorb(state, np.arange(size, dtype=np.uint64))
    return np.argsort(scores, kind="stable").astype(np.int64)


def step_seed(key: DrawKey, step: int) -> int:
    """Return a 63-bit seed for torch's generators at one step (dropout, drop path, mixup)."""
    with np.errstate(over="ignore"):
        state = _absorb(_start(key), np.array([_MASK >> 2], dtype=np.uint64))
        state = _absorb(state, np.array([step], dtype=np.uint64))
    return int(state[0] >> np.uint64(1))
