"""What a few fresh processes leave open about a latency: Student's interval over launches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

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
