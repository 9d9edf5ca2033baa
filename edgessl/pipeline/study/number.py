"""A number that a row of a study finds."""

from __future__ import annotations

from dataclasses import dataclass

from edgessl.metrics.interval import Score


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a row.

    Attributes:
        value: In the unit of the score.
        low: Lower end of its 95 % interval; None where that is not known.
        high: Upper end.
        n: Images scored.
        name: The level of the hierarchy; empty for none.
        x: Classes of that level; None for none.
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    name: str = ""
    x: float | None = None

    @classmethod
    def of(cls, score: Score) -> Number:
        """Take a score over.

        Args:
            score: With its interval.
        """
        return cls(score.value, score.low, score.high, score.n)
