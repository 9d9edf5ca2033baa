"""What is gained by not answering where a network is unsure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.metrics.interval import Score


def confidence_below(confidences: NDArray[Any], percent: float) -> float:
    """Return the confidence that a share of answers stays under.

    Args:
        confidences: Probability of each answer, ``(N,)`` with N >= 1.
        percent: The share, in (0, 100).

    Returns:
        The highest threshold under which no more than ``percent`` of the answers are.
    """
    return float(np.percentile(confidences, percent, method="lower"))


@dataclass(frozen=True, slots=True)
class Answered:
    """Answers at least as sure as a threshold; the others are "none of these".

    Attributes:
        coverage: Share of the images that get an answer.
        accuracy: Share of those answers that are right; None where there is no answer.
    """

    coverage: Score
    accuracy: Score | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        accuracy = None if self.accuracy is None else self.accuracy.to_dict()
        return {"coverage": self.coverage.to_dict(), "accuracy": accuracy}

    def __str__(self) -> str:
        right = "" if self.accuracy is None else f", {self.accuracy.value:.1f} % of them rightly"
        return f"answers {self.coverage.value:.1f} % of {self.coverage.n} images{right}"


def score_answered(
    confidences: NDArray[Any], right: NDArray[Any], threshold: float
) -> Answered:
    """Score the answers that are sure enough.

    Args:
        confidences: Probability of each answer, ``(N,)`` with N >= 1.
        right: Whether it is right, ``(N,)``.
        threshold: Answers below are not given.
    """
    given = confidences >= threshold
    count = int(given.sum())
    return Answered(
        Score.from_counts(count, len(given)),
        Score.from_counts(int(right[given].sum()), count) if count else None,
    )
