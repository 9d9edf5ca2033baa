"""Which test images a classifier gets right, kept small, to compare another one with it."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from edgessl.metrics.interval import paired_difference


def pack_right(predictions: Tensor, labels: Tensor) -> str:
    """Write down which answers are right, a bit each.

    Args:
        predictions: Class indices, ``(N,)``.
        labels: True class indices, ``(N,)``.

    Returns:
        Hexadecimal digits, two for 8 images.
    """
    return np.packbits((predictions == labels).cpu().numpy()).tobytes().hex()


def difference_of(ours: str, theirs: str, n: int) -> dict[str, float | int]:
    """Compare two classifiers on the same images.

    Args:
        ours: What ``pack_right`` wrote of one.
        theirs: Of the other, for the same images in the same order.
        n: How many images, > 0.

    Returns:
        ``value low high n``: ours minus theirs in points of percent, with its paired 95 % interval.
    """
    one, other = (np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8))[:n].astype(bool)
                  for text in (ours, theirs))
    gained, lost = int((one & ~other).sum()), int((other & ~one).sum())
    low, high = paired_difference(gained, lost, n)
    return {"value": 100 * (gained - lost) / n, "low": low, "high": high, "n": n}
