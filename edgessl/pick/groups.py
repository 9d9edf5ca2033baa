"""Groups of images that look alike to a network: k-means of its features."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning

_STARTS = 3  # not tuned: the best of them is kept
_MANY = 20_000  # images from which on batches of them have to do
_AT_ONCE = 4096


def unit_rows(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale every row to length 1; a row of zeros stays one.

    Args:
        features: ``(N, D)``.
    """
    norms = np.sqrt((features.astype(np.float64) ** 2).sum(axis=1, keepdims=True))
    return (features / np.where(norms > 0, norms, 1)).astype(np.float32)


def group(
    points: NDArray[np.float32], count: int, seed: int, weights: NDArray[np.float64] | None = None
) -> NDArray[np.int64]:
    """Divide points into groups by k-means.

    Args:
        points: ``(N, D)``.
        count: Groups wanted, 1 to N; fewer come back where points are the same.
        seed: Of the starts.
        weights: How much each point counts, ``(N,)``, above 0; None for all alike.

    Returns:
        Number of each point's group, ``(N,)``.
    """
    few = len(points) < _MANY
    kind, more = (KMeans, {}) if few else (MiniBatchKMeans, {"batch_size": _AT_ONCE})
    clusters = kind(count, n_init=_STARTS, random_state=seed % 2**32, **more)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # points that are the same
        return np.asarray(clusters.fit_predict(points, sample_weight=weights), dtype=np.int64)
