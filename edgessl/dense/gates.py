"""The gate that every exported dense network must pass: its figure through the file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgessl.dense.task import Judged, Judging
from edgessl.export.gates.gate import Gate
from edgessl.metrics.interval import Score


def check_figure(
    name: str, judging: Judging, before: Judged, after: Judged, *, images: int,
    max_drop_percent: float,
) -> Gate:
    """Compare a file's figure with its checkpoint's, on the same test images.

    Args:
        name: Of the gate.
        judging: What is compared.
        before: The checkpoint's answers, judged.
        after: The file's.
        images: How many there are.
        max_drop_percent: Points that the file may lose.
    """
    ours, theirs = before.value, after.value
    drawn = after.resampled()
    low, high = _ends(drawn - before.resampled())
    finding = (
        f"{judging.words} {theirs:.2f} % through the file, {ours:.2f} % before: "
        f"{theirs - ours:+.2f} points ({low:+.2f} to {high:+.2f}) on {images} test images; "
        f"{max_drop_percent:g} may be lost"
    )
    key = f"{judging.figure}_percent"
    numbers = {
        key: theirs, f"checkpoint_{key}": ours, "low": low, "high": high, "images": images,
        "max_drop_percent": max_drop_percent,
        judging.figure: Score(theirs, *_ends(drawn), images).to_dict(),
        "difference": Score(theirs - ours, low, high, images).to_dict(),
    }  # fmt: skip
    passed = ours - theirs <= max_drop_percent
    return Gate(name, "pass" if passed else "fail", finding, numbers)


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
