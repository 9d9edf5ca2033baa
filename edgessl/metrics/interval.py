"""95 % intervals of shares, and of paired differences."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import sqrt

Z95 = 1.959963984540054
"""Two-sided 95 % of a normal distribution."""


def wilson(correct: int, n: int) -> tuple[float, float]:
    """Compute the 95 % Wilson score interval of a proportion.

    Args:
        correct: Successes, 0 to ``n``.
        n: Trials; with none the interval is everything.

    Returns:
        Lower and upper end in percent.

    Source:
        Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    if n == 0:
        return 0.0, 100.0
    from scipy.stats import binomtest  # takes longer to import than all else here

    found = binomtest(correct, n).proportion_ci(0.95, method="wilson")
    return 100 * float(found.low), 100 * float(found.high)


@dataclass(frozen=True, slots=True)
class Score:
    """An accuracy in percent.

    Attributes:
        value: Percent correct.
        low: Lower end of the 95 % Wilson interval, percent.
        high: Upper end, percent.
        n: Number of images scored.
    """

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def from_counts(cls, correct: int, n: int) -> Score:
        """Score ``correct`` right answers out of ``n`` > 0."""
        low, high = wilson(correct, n)
        return cls(value=100 * correct / n if n else 0.0, low=low, high=high, n=n)

    def to_dict(self) -> dict[str, float | int]:
        """Return ``value low high n`` as plain numbers."""
        return asdict(self)


def paired_difference(gained: int, lost: int, n: int) -> tuple[float, float]:
    """Compute a 95 % interval of the difference of two accuracies on the same images.

    Only the images on which the two disagree count, so it is far narrower than what two separate
    intervals leave open.

    Args:
        gained: Images that only the second gets right.
        lost: Images that only the first gets right.
        n: All images, > 0.

    Returns:
        Lower and upper end of second minus first, in points of percent.

    Source:
        Agresti & Min 2005, doi:10.1002/sim.1781: Wald's interval with 0.5 added to each of the
        four cells.
    """
    more, less, total = gained + 0.5, lost + 0.5, n + 2.0
    difference = (more - less) / total
    variance = ((more + less) - (more - less) ** 2 / total) / total**2
    half = Z95 * sqrt(variance)
    return 100 * max(-1.0, difference - half), 100 * min(1.0, difference + half)
