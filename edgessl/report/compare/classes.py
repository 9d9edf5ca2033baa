"""What each class gains from one row to another (Cole's Figures A4 and A5, Table A1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.metrics.interval import paired_difference
from edgessl.report.compare.row import Row

EXTREME = 0.05
"""Share of the classes, or of the images, that are called the hardest."""


@dataclass(frozen=True, slots=True)
class ClassGain:
    """One class under two rows.

    Attributes:
        name: The class.
        n: Its test images.
        before: Percent of them that the first row gets right.
        after: Percent that the other does.
        low: Lower end of the paired 95 % interval of the gain, points; None where only the two
            shares are known.
        high: Upper end.
    """

    name: str
    n: int
    before: float
    after: float
    low: float | None
    high: float | None

    @property
    def gain(self) -> float:
        """Points that the other row gets right more."""
        return self.after - self.before

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"class": self.name, "n": self.n, "before": self.before, "after": self.after,
                "gain": self.gain, "low": self.low, "high": self.high}  # fmt: skip


def recalls(row: Row) -> dict[str, tuple[int, int]] | None:
    """Return how many test images of each class a row gets right, and how many there are.

    Args:
        row: With a score.

    Returns:
        Classes that have test images; None where it is not recorded.
    """
    if row.tests is None:
        return None
    names, labels = row.tests.classes, row.labels
    if row.right is not None and labels is not None:
        right = np.bincount(labels[row.right], minlength=len(names))
        counts = np.bincount(labels, minlength=len(names))
    elif row.confusion is not None:
        right, counts = np.diag(row.confusion), row.confusion.sum(axis=1)
    else:
        return None
    return {
        name: (int(correct), int(n))
        for name, correct, n in zip(names, right, counts, strict=True) if n
    }  # fmt: skip


def class_gains(base: Row, row: Row) -> list[ClassGain]:
    """Compare two rows class by class, the largest gain first.

    Args:
        base: The first.
        row: The other, scored on the same images.

    Returns:
        Nothing where it is not recorded which images, or how many of a class, they get right.
    """
    before, after = recalls(base), recalls(row)
    if before is None or after is None or row.tests is None:
        return []
    gains = []
    for index, name in enumerate(row.tests.classes):
        if name in before and name in after:
            (one, n), (other, _) = before[name], after[name]
            low, high = _interval(base, row, index, n)
            gains.append(ClassGain(name, n, 100 * one / n, 100 * other / n, low, high))
    return sorted(gains, key=lambda gain: (-gain.gain, gain.name))


def _interval(base: Row, row: Row, index: int, n: int) -> tuple[float | None, float | None]:
    labels = row.labels
    if base.right is None or row.right is None or labels is None:
        return None, None
    mine: NDArray[np.bool_] = row.right[labels == index]
    theirs = base.right[labels == index]
    return paired_difference(int((mine & ~theirs).sum()), int((theirs & ~mine).sum()), n)


def extremes(gains: Sequence[ClassGain]) -> tuple[set[str], set[str]]:
    """Return the hardest and the easiest 5 % of the classes under the first row, one at least.

    Args:
        gains: Of all classes.
    """
    ordered = [gain.name for gain in sorted(gains, key=lambda gain: (gain.before, gain.name))]
    count = max(1, round(EXTREME * len(ordered)))
    return set(ordered[:count]), set(ordered[-count:]) - set(ordered[:count])
