"""NT-Xent and the supervised contrastive loss, a loop over anchors, written from the papers."""

from __future__ import annotations

import math

from torch import Tensor


def _cosine(one: Tensor, other: Tensor) -> float:
    dot = sum(float(a) * float(b) for a, b in zip(one, other, strict=True))
    lengths = [math.sqrt(sum(float(a) ** 2 for a in vector)) for vector in (one, other)]
    return dot / (lengths[0] * lengths[1])


def slow_nt_xent(first: Tensor, second: Tensor, *, temperature: float) -> float:
    """Average equation 1 of SimCLR over both views of every image.

    Args:
        first: Projections of one view, ``(B, P)``.
        second: Projections of the other view, ``(B, P)``.
        temperature: Softmax temperature.
    """
    rows = [*first, *second]
    images = len(first)
    total = 0.0
    for i, anchor in enumerate(rows):
        positive = (i + images) % (2 * images)
        scores = {
            k: math.exp(_cosine(anchor, row) / temperature) for k, row in enumerate(rows) if k != i
        }
        total += -math.log(scores[positive] / sum(scores.values()))
    return total / len(rows)


def slow_multi_crop_nt_xent(
    projections: Tensor, *, global_views: int, temperature: float, alpha: float
) -> float:
    """Let every view look for its image in every other global view.

    Args:
        projections: ``(V, B, P)``, globals first.
        global_views: Number of global views.
        temperature: Softmax temperature.
        alpha: Weight of the global-global mean.
    """
    images = projections.shape[1]
    terms: dict[str, list[float]] = {"global": [], "local": []}
    for v, view in enumerate(projections):
        for g in range(global_views):
            if g == v:
                continue
            for i, anchor in enumerate(view):
                found = math.exp(_cosine(anchor, projections[g, i]) / temperature)
                others = [
                    math.exp(_cosine(anchor, projections[w, k]) / temperature)
                    for k in range(images)
                    if k != i
                    for w in (g, v)
                ]
                kind = "global" if v < global_views else "local"
                terms[kind].append(-math.log(found / (found + sum(others))))
    means = {kind: sum(values) / len(values) for kind, values in terms.items() if values}
    if "local" not in means:
        return means["global"]
    return alpha * means.get("global", 0.0) + (1.0 - alpha) * means["local"]


def slow_supcon(
    rows: Tensor, labels: list[int], *, temperature: float, base_temperature: float
) -> float:
    """Average over anchors of the mean log-probability of their positives (Khosla et al. 2020).

    Args:
        rows: Projections of all views, ``(N, P)``.
        labels: Rows with the same label are positives of each other.
        temperature: Softmax temperature.
        base_temperature: The loss is multiplied by ``temperature / base_temperature``.
    """
    total = 0.0
    for i, anchor in enumerate(rows):
        others = [k for k in range(len(rows)) if k != i]
        scores = {k: _cosine(anchor, rows[k]) / temperature for k in others}
        normaliser = math.log(sum(math.exp(score) for score in scores.values()))
        positives = [k for k in others if labels[k] == labels[i]]
        mean = sum(scores[k] - normaliser for k in positives) / len(positives)
        total += -(temperature / base_temperature) * mean
    return total / len(rows)
