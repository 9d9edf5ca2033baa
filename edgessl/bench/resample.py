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
    if sum(len(launch) for launch in turns) < MIN_TURNS:
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


def interval(medians: NDArray[np.float64]) -> tuple[float, float]:
    """Return the middle 95 % of resampled values."""
    low, high = np.percentile(medians, (2.5, 97.5))
    return float(low), float(high)
