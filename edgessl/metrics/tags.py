"""Several labels an image: average precision, and a linear probe for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from edgessl.metrics.interval import Score
from edgessl.metrics.linear_probe import GRID

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


def eleven_point_precision(
    scores: NDArray[np.float64], shown: NDArray[np.bool_], ignored: NDArray[np.bool_]
) -> float:
    """Return the mean precision at the recalls 0, 0.1, ..., 1 of one class, in [0, 1].

    The precision at a recall is the best at that recall or a higher one, and 0 where none is.

    Args:
        scores: ``(N,)``, higher where the class is likelier; equal ones keep their order.
        shown: Whether the image shows the class, ``(N,)``.
        ignored: Images that count neither as right nor as wrong, ``(N,)``.

    Returns:
        NaN if no image that counts shows the class.

    Source:
        Everingham et al. 2010, doi:10.1007/s11263-009-0275-4, section 4.2: VOC2007's own.
    """
    order = np.argsort(-scores[~ignored], kind="stable")
    hits = shown[~ignored][order]
    if not hits.any():
        return float("nan")
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    recall = np.cumsum(hits) / hits.sum()
    # Tenths are no binary numbers: 3 of 10 must reach the recall 0.3.
    points = [precision[recall >= tenth / 10 - 1e-12].max(initial=0.0) for tenth in range(11)]
    return float(np.mean(points))


OneClass = Callable[[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]], float]
"""``average_precision``, or VOC2007's ``eleven_point_precision``."""


def class_precisions(
    scores: NDArray[np.float64],
    shown: NDArray[np.bool_],
    ignored: NDArray[np.bool_],
    rule: OneClass = average_precision,
) -> NDArray[np.float64]:
    """Return the average precision of every class, ``(K,)``.

    Args:
        scores: ``(N, K)``.
        shown: ``(N, K)``.
        ignored: ``(N, K)``.
        rule: Average precision of one class.
    """
    columns = range(scores.shape[1])
    return np.array([rule(scores[:, k], shown[:, k], ignored[:, k]) for k in columns])


def mean_average_precision(
    scores: NDArray[np.float64],
    shown: NDArray[np.bool_],
    ignored: NDArray[np.bool_],
    rule: OneClass = average_precision,
) -> Score:
    """Return the mean over the classes that some image shows, in percent.

    Its 95 % interval is the percentile bootstrap over images.

    Args:
        scores: ``(N, K)``.
        shown: ``(N, K)``.
        ignored: ``(N, K)``.
        rule: Average precision of one class.
    """
    means = [
        mean_of_classes(scores[rows], shown[rows], ignored[rows], rule)
        for rows in _resampled(len(scores))
    ]
    low, high = _middle(means)
    return Score(mean_of_classes(scores, shown, ignored, rule), low, high, len(scores))


def map_of_chance(shown: NDArray[np.bool_], ignored: NDArray[np.bool_]) -> float:
    """Return about what a ranking by chance gets: the mean share of images that show a class.

    Args:
        shown: ``(N, K)``.
        ignored: ``(N, K)``.

    Returns:
        Percent, over the classes that some image shows; NaN if none is shown.
    """
    counted = ~ignored
    there = (shown & counted).sum(axis=0)  # (K,)
    known = there > 0
    shares = there[known] / counted.sum(axis=0)[known]
    return 100.0 * float(shares.mean()) if known.any() else float("nan")


def map_difference(
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    shown: NDArray[np.bool_],
    ignored: NDArray[np.bool_],
) -> dict[str, float | int]:
    """Compare the mean average precisions of two classifiers on the same images.

    Args:
        ours: ``(N, K)``.
        theirs: ``(N, K)``.
        shown: ``(N, K)``.
        ignored: ``(N, K)``.

    Returns:
        ``value low high n``: ours minus theirs in points of percent, with the 95 % interval of the
        percentile bootstrap over images: both are scored on the same ones in every resample.
    """
    def difference(rows: NDArray[np.int64] | slice) -> float:
        tables = shown[rows], ignored[rows]
        return mean_of_classes(ours[rows], *tables) - mean_of_classes(theirs[rows], *tables)

    low, high = _middle([difference(rows) for rows in _resampled(len(ours))])
    return {"value": difference(slice(None)), "low": low, "high": high, "n": len(ours)}


def _resampled(count: int) -> Iterator[NDArray[np.int64]]:
    draw = np.random.default_rng(0)
    return (draw.integers(count, size=count) for _ in range(_RESAMPLES))


def _middle(values: list[float]) -> tuple[float, float]:
    if np.isnan(values).all():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(values, (2.5, 97.5))
    return float(low), float(high)


def mean_of_classes(
    scores: NDArray[np.float64],
    shown: NDArray[np.bool_],
    ignored: NDArray[np.bool_],
    rule: OneClass = average_precision,
) -> float:
    """Return the mean of ``mean_average_precision`` alone, without an interval.

    Args:
        scores: ``(N, K)``.
        shown: ``(N, K)``.
        ignored: ``(N, K)``.
        rule: Average precision of one class.

    Returns:
        Percent; NaN if no image shows any class.
    """
    found = class_precisions(scores, shown, ignored, rule)
    known = found[~np.isnan(found)]
    return 100.0 * float(known.mean()) if len(known) else float("nan")


_HELD_OUT = 5  # every fifth training image chooses the penalty
_MAX_ITERATIONS = 200


@dataclass(frozen=True, slots=True)
class TagProbe:
    """Linear classifiers of features.

    Attributes:
        weight: ``(K, D)``.
        bias: ``(K,)``.
        inverse_penalty: The chosen C, a member of ``GRID``.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    inverse_penalty: float

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map features ``(N, D)`` to a score of each class, ``(N, K)``."""
        return features @ self.weight.T + self.bias


def fit_tag_probe(features: NDArray[np.float64], shown: NDArray[np.bool_]) -> TagProbe:
    """Fit on train; every fifth image of it chooses the penalty, by mean average precision.

    Features are standardised with the statistics of train, folded into the weights returned.
    Nothing is random.

    Args:
        features: ``(N, D)``.
        shown: Which classes each image shows, ``(N, K)``.
    """
    held = np.arange(len(features)) % _HELD_OUT == _HELD_OUT - 1
    ignored = np.zeros_like(shown)

    def quality(inverse_penalty: float) -> float:
        probe = _fit(features[~held], shown[~held], inverse_penalty)
        found = class_precisions(probe.scores(features[held]), shown[held], ignored[held])
        known = found[~np.isnan(found)]
        return float(known.mean()) if len(known) else 0.0

    return _fit(features, shown, max(GRID, key=quality))


def _fit(
    features: NDArray[np.float64], shown: NDArray[np.bool_], inverse_penalty: float
) -> TagProbe:
    """Minimise C x the sum of cross-entropies + half the squared norm of the weights."""
    mean, std = features.mean(axis=0), features.std(axis=0)
    varies = std > 1e-6 * np.abs(mean) + 1e-12  # a constant feature says nothing
    scale = np.where(varies, 1.0 / np.where(varies, std, 1.0), 0.0)
    inputs = (features - mean) * scale  # (N, D)
    targets = shown.astype(np.float64)  # (N, K)
    count, width = targets.shape[1], inputs.shape[1]

    def cost(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        table = flat.reshape(count, width + 1)
        weight, bias = table[:, :-1], table[:, -1]
        logits = inputs @ weight.T + bias
        entropy = np.logaddexp(0.0, logits).sum() - (targets * logits).sum()
        slope = expit(logits) - targets  # (N, K)
        gradient = np.concatenate([slope.T @ inputs, slope.sum(axis=0)[:, None]], axis=1)
        gradient *= inverse_penalty
        gradient[:, :-1] += weight
        value = inverse_penalty * float(entropy) + 0.5 * float((weight**2).sum())
        return value, gradient.ravel()

    start = np.zeros(count * (width + 1))
    found = minimize(
        cost, start, jac=True, method="L-BFGS-B", options={"maxiter": _MAX_ITERATIONS}
    )
    table = found.x.reshape(count, width + 1)
    weight = table[:, :-1] * scale
    return TagProbe(weight, table[:, -1] - weight @ mean, inverse_penalty)
