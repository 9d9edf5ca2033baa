"""How accurate a file is where images may have several labels: mAP, and decision by decision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgessl.data.tagged import TagTable
from edgessl.export.gates.gate import Gate
from edgessl.metrics.tags import map_difference, mean_average_precision

Outputs = NDArray[np.float32]


def check_map(
    table: TagTable, expected: Outputs, got: Outputs, levels: Sequence[float], *,
    max_drop_percent: float, changed: str = "",
) -> Gate:
    """Compare the mean average precisions of the file and the checkpoint, on the same images.

    Args:
        table: What the images show, N >= 1.
        expected: The checkpoint's outputs, ``(N, K)``.
        got: The file's, ``(N, K)``.
        levels: Output from which on each class counts as shown, ``(K,)``.
        max_drop_percent: Points of mAP the file may lose.
        changed: What is to be told of images that are no longer the run's.

    Returns:
        A gate with ``map``, ``checkpoint_map`` and their paired ``difference``, and with
        ``agreement_percent``: how many decisions of all images and classes are the checkpoint's.
    """
    ours, theirs = got.astype(np.float64), expected.astype(np.float64)
    truth = (table.shown, table.difficult)
    n = len(ours)
    if not np.isfinite(ours).all():
        return Gate("accuracy", "fail", f"gives numbers that are not finite on {n} test images")
    score, before = (mean_average_precision(one, *truth) for one in (ours, theirs))
    found = map_difference(ours, theirs, *truth)
    same = (got >= np.asarray(levels)) == (expected >= np.asarray(levels))  # (N, K)
    difference, low, high = (float(found[key]) for key in ("value", "low", "high"))
    numbers = {
        "map": score.to_dict(),
        "checkpoint_map": before.to_dict(),
        "difference": found,
        "agreement_percent": 100 * float(same.mean()),
        "agreement_percent_by_class": [100 * float(one) for one in same.mean(axis=0)],
        "max_drop_percent": max_drop_percent,
    }
    finding = (
        f"test mAP {score.value:.1f} % through the file, {before.value:.1f} % through the "
        f"checkpoint: {difference:+.1f} points [{low:+.1f}, {high:+.1f}] on {n} images, paired; "
        f"{100 * same.mean():.2f} % of {same.size} decisions are the same"
    )
    passed = -difference <= max_drop_percent  # a NaN is no pass
    if passed and -low > max_drop_percent:
        finding += f"; with so few, a loss up to {-low:.1f} cannot be ruled out"
    if changed:
        finding += f"; {changed}"
    return Gate("accuracy", "pass" if passed else "fail", finding, numbers)
