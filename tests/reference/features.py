"""What features are like, by scikit-learn and scipy, straight from the definitions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from scipy.special import softmax
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize

Rows = NDArray[np.float64]


def of_views(
    images: Rows, one: Rows, other: Rows, labels: NDArray[np.int64] | None
) -> dict[str, float]:
    """Compute the numbers of a split.

    Args:
        images: Features of the images, ``(N, D)``.
        one: Of a view of each.
        other: Of another view of each.
        labels: Class indices; None without labels.
    """
    own, first, second = (normalize(rows) for rows in (images, one, other))
    found = {
        "alignment": np.mean(np.square(own - first).sum(axis=1)),
        "alignment_views": np.mean(np.square(first - second).sum(axis=1)),
        "mean_distance": pdist(own, "sqeuclidean").mean(),
        "instance_discrimination": _found(images, one),
        "instance_discrimination_views": _found(one, other),
        "effective_rank": _rank(images),
    }
    if labels is not None:
        classes = [own[labels == label] for label in np.unique(labels)]
        spreads = [pdist(rows, "sqeuclidean").mean() for rows in classes if len(rows) > 1]
        found["intra_class_alignment"] = np.mean(spreads)
        found["tolerance"] = 1 - np.mean(spreads) / 2
    return {name: float(value) for name, value in found.items()}


def _found(queries: Rows, positives: Rows) -> float:
    own = cosine_similarity(queries)
    np.fill_diagonal(own, -2.0)
    pairs = np.diag(cosine_similarity(queries, positives))
    return 100 * float((pairs > own.max(axis=1)).mean())


def _rank(rows: Rows) -> float:
    values = np.linalg.svd(rows, compute_uv=False)
    shares = values / values.sum() + 1e-7
    return float(np.exp(-(shares * np.log(shares)).sum()))


def knn_percent(
    train: Rows, labels: NDArray[np.int64], query: Rows, truth: NDArray[np.int64], k: int
) -> float:
    """Return how many the k most similar name rightly, weighted by exp(cosine / 0.07)."""
    similarity = cosine_similarity(query, train)
    right = 0
    for row, true in zip(similarity, truth, strict=True):
        nearest = np.argsort(-row, kind="stable")[:k]
        weights = softmax(row[nearest] / 0.07)
        votes = np.bincount(labels[nearest], weights, minlength=labels.max() + 1)
        right += int(votes.argmax() == true)
    return 100 * right / len(truth)


def best_nn_percent(
    train: Rows, labels: NDArray[np.int64], query: Rows, truth: NDArray[np.int64]
) -> float:
    """Return the best accuracy of plain Euclidean votes over k = 1, 3, … 101."""
    ks = [k for k in range(1, 102, 2) if k <= len(train)]
    scores = [
        KNeighborsClassifier(k, algorithm="brute").fit(train, labels).score(query, truth)
        for k in ks
    ]
    return 100 * float(max(scores))
