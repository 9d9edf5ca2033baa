"""Percentiles of latency, only where there are enough runs to know them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np

from edgessl.bench.compare.ratio import Samples, log_mean

MIN_RUNS_P90 = 100
MIN_RUNS_P99 = 300  # three runs beyond it; with fewer, one hiccup of the machine is the p99


@dataclass(frozen=True, slots=True)
class Latency:
    """Summary of the timed runs of one model.

    Attributes:
        runs: Timed runs.
        p50_ms: Median.
        p50_low_ms: Lower end of the median's 95 % interval; None with too few launches.
        p50_high_ms: Upper end.
        p90_ms: 90th percentile; None under 100 runs.
        p99_ms: 99th percentile; None under 300 runs.
        min_ms: Fastest run.
        mean_ms: Mean.
        iqr_percent: Spread of the middle half, as a share of the median: how quiet the machine was.
        images_per_s: Images over timed seconds.
    """

    runs: int
    p50_ms: float
    p50_low_ms: float | None
    p50_high_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    min_ms: float
    mean_ms: float
    iqr_percent: float
    images_per_s: float

    @classmethod
    def from_turns(cls, turns: Samples, batch: int) -> Latency:
        """Summarise timed runs.

        Args:
            turns: Milliseconds of each run: launches of turns of runs, at least one.
            batch: Images in a run.
        """
        runs_ms = [run for launch in turns for turn in launch for run in turn]
        p25, p50, p75, p90, p99 = (float(p) for p in np.percentile(runs_ms, (25, 50, 75, 90, 99)))
        low, high = _interval(turns, p50)
        return cls(
            runs=len(runs_ms),
            p50_ms=p50,
            p50_low_ms=low,
            p50_high_ms=high,
            p90_ms=p90 if len(runs_ms) >= MIN_RUNS_P90 else None,
            p99_ms=p99 if len(runs_ms) >= MIN_RUNS_P99 else None,
            min_ms=float(min(runs_ms)),
            mean_ms=float(np.mean(runs_ms)),
            iqr_percent=100 * (p75 - p25) / p50,
            images_per_s=1000 * batch * len(runs_ms) / sum(runs_ms),
        )


def _interval(turns: Samples, p50_ms: float) -> tuple[float | None, float | None]:
    """Return the median's interval: that of the launches' mean logarithm, and the median itself.

    Not around the median of all runs, which is farther from the truth than the mean of launches.
    """
    mean = log_mean(turns)
    half = mean.half_width
    if half is None:
        return None, None
    return min(exp(mean.value - half), p50_ms), max(exp(mean.value + half), p50_ms)


def is_stable(runs_ms: Sequence[float], window: int = 10, tolerance: float = 0.05) -> bool:
    """Tell whether warming up is over: the last two windows have about the same median.

    Args:
        runs_ms: Milliseconds of each run so far.
        window: Runs in a window.
        tolerance: Largest relative difference of the medians. Not tuned.
    """
    if len(runs_ms) < 2 * window:
        return False
    before = float(np.median(runs_ms[-2 * window : -window]))
    now = float(np.median(runs_ms[-window:]))
    return abs(now - before) <= tolerance * before
