"""Whether the int8 candidate that was kept loses more than it may, on the images it was chosen on.

The loss is shown only where its 95 % interval lies beyond the limit: ``val`` is small, and the
accuracy gate has the last word where there are labelled test images.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgessl.export.gates.gate import Gate
from edgessl.metrics.paired import paired_difference

NAME = "int8 loss"
WAY_OUT = "use the fp32 file, or allow the loss with --max-drop"


def check_answers_lost(
    before: NDArray[np.float64], after: NDArray[np.float64], what: str, *, max_drop_percent: float
) -> Gate:
    """Compare answers that are right (1) or not (0), image by image.

    Args:
        before: Marks of the fp32 file, ``(N,)`` with N >= 1.
        after: Marks of the int8 file on the same images.
        what: What a mark means, in words.
        max_drop_percent: Points that the file may lose.
    """
    gained, lost = int((after > before).sum()), int((before > after).sum())
    difference = 100 * (gained - lost) / len(before)
    low, high = paired_difference(gained, lost, len(before))
    finding = f"{what}: {difference:+.1f} points [{low:+.1f}, {high:+.1f}], paired"
    return _gate(finding, difference, low, high, len(before), max_drop_percent)


def check_cosine_lost(
    cosines: NDArray[np.float64], what: str, *, max_drop_percent: float
) -> Gate:
    """Compare features by their direction; a difference of one image is no matter of chance.

    Args:
        cosines: Between the features of the int8 and the fp32 file, ``(N,)`` with N >= 1.
        what: What was compared, in words.
        max_drop_percent: Hundredths of mean cosine that the file may lose.
    """
    difference = 100 * float(cosines.mean() - 1.0)
    finding = f"{what}: mean {cosines.mean():.4f}"
    return _gate(finding, difference, difference, difference, len(cosines), max_drop_percent)


def _gate(
    finding: str, difference: float, low: float, high: float, n: int, max_drop_percent: float
) -> Gate:
    numbers = {
        "difference": {"value": difference, "low": low, "high": high, "n": n},
        "max_drop_percent": max_drop_percent,
    }
    if high >= -max_drop_percent:
        return Gate(NAME, "pass", finding, numbers)
    finding += f"; may lose {max_drop_percent:g}: {WAY_OUT}"
    return Gate(NAME, "fail", finding, numbers)
