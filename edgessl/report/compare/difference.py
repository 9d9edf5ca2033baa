"""How two rows differ, and whether that is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgessl.metrics.interval import paired_difference
from edgessl.report.compare.row import Row
from edgessl.report.compare.several import paired_map


@dataclass(frozen=True, slots=True)
class Difference:
    """One row's top-1 minus another's.

    Attributes:
        value: Points of percent.
        low: Lower end of the paired 95 % interval; None where only two scores are known.
        high: Upper end.
        shown: 1 if the first is shown to be better, -1 if worse, 0 if neither is shown.
    """

    value: float
    low: float | None
    high: float | None
    shown: int

    @property
    def words(self) -> str:
        """The difference as it stands in a sentence."""
        if self.low is None or self.high is None:
            overlap = "the intervals overlap" if not self.shown else "the intervals lie apart"
            return f"{self.value:+.1f} points, not paired; {overlap}"
        return f"{self.value:+.1f} points [{self.low:+.1f}, {self.high:+.1f}], paired"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; ``shown`` in a word."""
        word = {1: "better", -1: "worse", 0: "not shown"}[self.shown]
        paired = self.low is not None
        return {"value": self.value, "low": self.low, "high": self.high, "paired": paired,
                "shown": word}  # fmt: skip


def difference(one: Row, other: Row) -> Difference:
    """Compare two rows that were scored on the same images.

    Args:
        one: With a score.
        other: With a score.

    Returns:
        Paired where the answers to each image are recorded, or the difference was measured before.
        Else it is shown only where the two intervals do not overlap.
    """
    if one.right is not None and other.right is not None:
        gained = int((one.right & ~other.right).sum())
        lost = int((other.right & ~one.right).sum())
        n = len(one.right)
        return _shown(100 * (gained - lost) / n, *paired_difference(gained, lost, n))
    if one.several is not None and other.several is not None:
        if paired := paired_map(one.several, other.several):
            return _shown(*(float(paired[key]) for key in ("value", "low", "high")))
    if one.draws is not None and other.draws is not None and len(one.draws) == len(other.draws):
        low, high = np.percentile(one.draws - other.draws, [2.5, 97.5])
        return _shown(one.top1 - other.top1, float(low), float(high))
    if found := one.known.get(str(other.file)):
        return _shown(*(float(found[key]) for key in ("value", "low", "high")))
    if found := other.known.get(str(one.file)):
        return _shown(*(-float(found[key]) for key in ("value", "high", "low")))
    value = one.top1 - other.top1
    return Difference(value, None, None, (1 if value > 0 else -1) if _apart(one, other) else 0)


def _apart(one: Row, other: Row) -> bool:
    if one.score is None or other.score is None:
        return False
    return one.score.low > other.score.high or other.score.low > one.score.high


def _shown(value: float, low: float, high: float) -> Difference:
    return Difference(value, low, high, 1 if low > 0 else -1 if high < 0 else 0)
