"""How many times as fast one model is as another, with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import exp, log, sqrt
from typing import Any, Literal

import numpy as np
from scipy.special import stdtrit

Turns = Sequence[Sequence[float]]
"""One value of each turn, for each launch of the process, in order of time."""


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean over launches of each one's median over its turns.

    A latency differs from one process to the next (where its memory lies) by more than the runs of
    one process show. So a launch counts as one value, however many runs it has, and the interval is
    Student's: a bootstrap over six launches gives one that holds the truth in three of four cases.

    Attributes:
        value: The mean.
        variance: Of the mean; None where there are too few launches.
        freedom: Degrees of freedom of the variance.
    """

    value: float
    variance: float | None
    freedom: float

    @classmethod
    def of(cls, turns: Turns) -> Mean:
        """Take the mean of launches, the odd ones of which started the processes backwards.

        What a place in that order does cancels out of the mean of an even number, and is taken out
        of the variance (see ``measure.start_order``). With an odd number it stays in both.

        Args:
            turns: At least one launch, each with at least one turn. There is a variance from three
                launches on.
        """
        medians = np.array([np.median(launch) for launch in turns])
        count, center = len(medians), float(medians.mean())
        left, freedom = medians - center, count - 1
        if count % 2 == 0:
            sign = np.where(np.arange(count) % 2, 1.0, -1.0)
            left, freedom = left - sign * (left * sign).mean(), count - 2
        if freedom < 2:  # with one it would be 13 standard errors wide
            return cls(center, None, freedom)
        return cls(center, float((left**2).sum() / freedom / count), freedom)

    def minus(self, other: Mean) -> Mean:
        """Return the difference of two means of different times, with Welch's freedom.

        Args:
            other: The other one.
        """
        value = self.value - other.value
        if self.variance is None or other.variance is None:
            return Mean(value, None, 0)
        both = self.variance + other.variance
        parts = self.variance**2 / self.freedom + other.variance**2 / other.freedom
        return Mean(value, both, both**2 / parts if parts else self.freedom + other.freedom)

    @property
    def half_width(self) -> float | None:
        """Half of the 95 % interval; None where there are too few launches."""
        if self.variance is None:
            return None
        return float(stdtrit(self.freedom, 0.975)) * sqrt(self.variance)  # Student's t


Samples = Sequence[Sequence[Sequence[float]]]
"""Milliseconds of single runs: launches of the process, turns of a launch, runs of a turn."""

Verdict = Literal["slower", "faster", "no difference shown", "too few launches"]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of medians.

    Attributes:
        ratio: Median of the one over the median of the other.
        low: Lower end of its 95 % interval; None where there were too few launches.
        high: Upper end.
    """

    ratio: float
    low: float | None
    high: float | None

    @property
    def verdict(self) -> Verdict:
        """Say which is slower, only where the interval excludes a ratio of one."""
        if self.low is None or self.high is None:
            return "too few launches"
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
    return _ratio(Mean.of(pairs))


def ratio_of_sessions(now: Samples, then: Samples) -> Ratio:
    """Compare measurements of different times.

    Args:
        now: Runs of the one.
        then: Runs of the other.
    """
    return _ratio(log_mean(now).minus(log_mean(then)))


def log_mean(samples: Samples) -> Mean:
    """Return the mean over launches of the logarithm of each one's median.

    Args:
        samples: Runs of a model.
    """
    return Mean.of([[log(float(np.median(np.concatenate(launch))))] for launch in samples])


def _ratio(mean: Mean) -> Ratio:
    half = mean.half_width
    if half is None:
        return Ratio(exp(mean.value), None, None)
    return Ratio(exp(mean.value), exp(mean.value - half), exp(mean.value + half))
