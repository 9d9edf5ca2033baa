"""What the runs leave open about a median: a bootstrap over processes and stretches of time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
MOST_STRETCHES = 20
MIN_TURNS = 10
"""With fewer turns there is no interval."""

Turns = Sequence[Sequence[float]]
"""One value of each turn, for each launch of the process, in order of time."""


def median_of(turns: Turns) -> float:
    """Return the median over all turns of all launches."""
    return float(np.median(np.concatenate([np.asarray(launch) for launch in turns])))


def mean_of_launches(turns: Turns) -> float:
    """Return the mean over launches of each one's median over its turns."""
    return float(np.mean([np.median(launch) for launch in turns]))


def resampled_medians(turns: Turns, seed: int = 0) -> NDArray[np.float64] | None:
    """Draw launches with replacement, in each stretches of consecutive turns, and take medians.

    A latency differs from one process to the next (where its memory lies) and wanders with time
    (what else the machine does). Drawing single runs would see neither, and give intervals that
    are several times too narrow.

    Args:
        turns: At least one launch.
        seed: Of the draws.

    Returns:
        ``(RESAMPLES,)``; None under ``MIN_TURNS`` turns.
    """
    if _too_few(turns):
        return None
    generator = np.random.default_rng(seed)
    stretches = [
        np.array_split(np.asarray(launch), min(MOST_STRETCHES, len(launch))) for launch in turns
    ]
    medians = np.empty(RESAMPLES)
    for index in range(RESAMPLES):
        drawn: list[NDArray[np.float64]] = []
        for launch in generator.integers(len(stretches), size=len(stretches)):
            own = stretches[launch]
            drawn += [own[at] for at in generator.integers(len(own), size=len(own))]
        medians[index] = np.median(np.concatenate(drawn))
    return medians


def resampled_means(turns: Turns, seed: int = 0) -> NDArray[np.float64] | None:
    """Draw likewise, and take ``mean_of_launches``.

    Launches are drawn two by two where their number is even: the one started the processes
    forwards, the other backwards, and only both together are free of what a place in that order
    does (see ``measure.start_order``).

    Args:
        turns: At least one launch.
        seed: Of the draws.

    Returns:
        ``(RESAMPLES,)``; None under ``MIN_TURNS`` turns.
    """
    if _too_few(turns):
        return None
    generator = np.random.default_rng(seed)
    together = 1 if len(turns) % 2 else 2
    drawn = generator.integers(len(turns) // together, size=(RESAMPLES, len(turns) // together))
    medians = np.empty((together, *drawn.shape))
    for index, launch in enumerate(turns):
        here = drawn == index // together
        medians[index % together][here] = _drawn_medians(launch, int(here.sum()), generator)
    means: NDArray[np.float64] = medians.mean(axis=(0, 2))
    return means


def _drawn_medians(
    launch: Sequence[float], count: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return ``(count,)`` medians, each of as many turns as the launch has, drawn in stretches."""
    values = np.asarray(launch)
    length = max(1, len(values) // MOST_STRETCHES)
    starts = generator.integers(len(values) - length + 1, size=(count, -(-len(values) // length)))
    index = (starts[:, :, None] + np.arange(length)).reshape(count, -1)[:, : len(values)]
    medians: NDArray[np.float64] = np.median(values[index], axis=1)
    return medians


def _too_few(turns: Turns) -> bool:
    return sum(len(launch) for launch in turns) < MIN_TURNS


def interval(medians: NDArray[np.float64]) -> tuple[float, float]:
    """Return the middle 95 % of resampled values."""
    low, high = np.percentile(medians, (2.5, 97.5))
    return float(low), float(high)
