"""How many times as long one model takes as another, and whether that is more than noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import exp, log
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgessl.bench.resample import (
    Turns,
    interval,
    mean_of_launches,
    median_of,
    resampled_means,
    resampled_medians,
)

Samples = Sequence[Sequence[Sequence[float]]]
"""Milliseconds of single runs: launches of the process, turns of a launch, runs of a turn."""

Verdict = Literal["slower", "faster", "no difference shown", "too few runs"]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of medians.

    Attributes:
        ratio: Median of the one over the median of the other.
        low: Lower end of its 95 % interval; None where there were too few turns.
        high: Upper end.
    """

    ratio: float
    low: float | None
    high: float | None

    @property
    def verdict(self) -> Verdict:
        """Say which is slower, only where the interval excludes a ratio of one."""
        if self.low is None or self.high is None:
            return "too few runs"
        if self.low > 1:
            return "slower"
        return "faster" if self.high < 1 else "no difference shown"

    @property
    def farthest_percent(self) -> float:
        """The largest deviation from one that the interval holds; of the ratio if there is none."""
        ends = [end for end in (self.ratio, self.low, self.high) if end is not None]
        return 100 * max(abs(end - 1) for end in ends)

    def widened(self, control: float) -> Ratio:
        """Return the same ratio with an interval that also holds what the control was off by.

        Args:
            control: Ratio of one model to itself, in another process, measured alongside.
        """
        if self.low is None or self.high is None:
            return self
        off = exp(abs(log(control)))
        return Ratio(self.ratio, self.low / off, self.high * off)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values with the verdict."""
        return {**asdict(self), "verdict": self.verdict}


def ratio_of_turns(model: Samples, base: Samples) -> Ratio:
    """Compare models that took turns: each turn with the other's at the same time.

    The median over the turns of a launch, then the mean over launches, half of which started the
    processes in the opposite order.

    Args:
        model: Runs of the one.
        base: Runs of the other, with as many launches and turns.
    """
    pairs = [
        [log(float(np.median(one)) / float(np.median(other)))
         for one, other in zip(mine, theirs, strict=True)]
        for mine, theirs in zip(model, base, strict=True)
    ]  # fmt: skip
    return _ratio(mean_of_launches(pairs), resampled_means(pairs))


def ratio_of_sessions(now: Samples, then: Samples) -> Ratio:
    """Compare measurements of different times.

    Args:
        now: Runs of the one.
        then: Runs of the other.
    """
    mine, theirs = _logs(now), _logs(then)
    drawn = resampled_medians(mine, seed=0), resampled_medians(theirs, seed=1)
    if drawn[0] is None or drawn[1] is None:
        return _ratio(median_of(mine) - median_of(theirs), None)
    return _ratio(median_of(mine) - median_of(theirs), drawn[0] - drawn[1])


def _logs(samples: Samples) -> Turns:
    return [[log(float(np.median(turn))) for turn in launch] for launch in samples]


def _ratio(center: float, drawn: NDArray[np.float64] | None) -> Ratio:
    if drawn is None:
        return Ratio(exp(center), None, None)
    low, high = interval(drawn)
    return Ratio(exp(center), exp(low), exp(high))
