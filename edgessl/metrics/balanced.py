"""Balanced accuracy: the mean recall of the classes, each counting alike."""

from __future__ import annotations

from math import sqrt

from torch import Tensor

from edgessl.metrics.interval import Z95, Score


def balanced_accuracy(confusion: Tensor) -> Score:
    """Score a classifier by the mean recall of the classes that have images.

    The interval is that of a mean of independent shares: each class's variance is of its share of
    right answers with one more of either kind (Laplace), so that a class of one image, right or
    wrong, leaves a wide one.

    Args:
        confusion: Counts, rows true, columns predicted, ``(K, K)``, at least one image.

    Source:
        Brodersen et al. 2010, doi:10.1109/ICPR.2010.764, for the measure.
    """
    present = confusion.sum(dim=1) > 0
    n = confusion.sum(dim=1)[present].double()  # (k,)
    right = confusion.diagonal()[present].double()
    smoothed = (right + 1.0) / (n + 2.0)
    value = float((right / n).mean())
    half = Z95 * sqrt(float((smoothed * (1.0 - smoothed) / n).sum())) / len(n)
    low, high = max(0.0, value - half), min(1.0, value + half)
    return Score(100 * value, 100 * low, 100 * high, int(n.sum()))
