"""Average precision of images ranked by a score, and its mean over classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgessl.metrics.interval import Score

_RESAMPLES = 200  # the ends of the interval move by about 0.1 points from seed to seed


def average_precision(
    scores: NDArray[np.float64], shown: NDArray[np.bool_], ignored: NDArray[np.bool_]
) -> float:
    """Return the area under the precision-recall curve of one class, in [0, 1].

    The precision at a recall is the best at that recall or a higher one ("all points").

    Args:
        scores: ``(N,)``, higher where the class is likelier; equal ones keep their order.
        shown: Whether the image shows the class, ``(N,)``.
        ignored: Images that count neither as right nor as wrong, ``(N,)``.

    Returns:
        NaN if no image that counts shows the class.

    Source:
        Everingham et al. 2010, doi:10.1007/s11263-009-0275-4, as VOC computes it from 2010 on.
    """
    order = np.argsort(-scores[~ignored], kind="stable")
    hits = shown[~ignored][order]
    if not hits.any():
        return float("nan")
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[hits].mean())


def class_precisions(
    scores: NDArray[np.float64], shown: NDArray[np.bool_], ignored: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the average precision of every class, ``(K,)``.

    Args:
        scores: ``(N, K)``.
        shown: ``(N, K)``.
        ignored: ``(N, K)``.
    """
    columns = range(scores.shape[1])
    return np.array(
        [average_precision(scores[:, k], shown[:, k], ignored[:, k]) for k in columns]
    )


def mean_average_precision(
    scores: NDArray[np.float64], shown: NDArray[np.bool_], ignored: NDArray[np.bool_]
) -> Score:
    """Return the mean over the classes that some image shows, in percent.

    Its 95 % interval is the percentile bootstrap over images.

    Args:
        scores: ``(N, K)``.
        shown: ``(N, K)``.
        ignored: ``(N, K)``.
    """
    draw = np.random.default_rng(0)
    count = len(scores)
    means = []
    for _ in range(_RESAMPLES):
        chosen = draw.integers(count, size=count)
        means.append(_mean(scores[chosen], shown[chosen], ignored[chosen]))
    low, high = np.nanpercentile(means, (2.5, 97.5))
    return Score(_mean(scores, shown, ignored), float(low), float(high), count)


def _mean(
    scores: NDArray[np.float64], shown: NDArray[np.bool_], ignored: NDArray[np.bool_]
) -> float:
    found = class_precisions(scores, shown, ignored)
    known = found[~np.isnan(found)]
    return 100.0 * float(known.mean()) if len(known) else float("nan")
