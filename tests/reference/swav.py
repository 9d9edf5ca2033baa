"""SwAV with loops over views, images and prototypes, written from the paper's equations."""

from __future__ import annotations

import math

from torch import Tensor

Matrix = list[list[float]]


def slow_sinkhorn(scores: Matrix, *, epsilon: float, iterations: int) -> Matrix:
    """Scale rows to 1 / K and columns to 1 / B in turn, then columns to 1 (the released code).

    Args:
        scores: Of each image against each prototype, B rows of K.
        epsilon: Temperature.
        iterations: Rounds.

    Returns:
        Assignments, B rows of K.
    """
    images, prototypes = range(len(scores)), range(len(scores[0]))
    q = [[math.exp(scores[b][k] / epsilon) for b in images] for k in prototypes]  # K rows of B
    for _ in range(iterations):
        for k in prototypes:
            total = sum(q[k])
            for b in images:
                q[k][b] /= total * len(prototypes)
        for b in images:
            total = sum(q[k][b] for k in prototypes)
            for k in prototypes:
                q[k][b] /= total * len(images)
    return [[q[k][b] * len(images) for k in prototypes] for b in images]


def slow_swav_loss(
    scores: Tensor,
    *,
    global_views: int,
    temperature: float,
    epsilon: float,
    alpha: float,
    queue_scores: list[Matrix] | None = None,
) -> float:
    """Weigh the mean cross-entropy of global-global and of global-local pairs.

    Args:
        scores: Of every view, ``(V, B, K)``, globals first.
        global_views: How many are global.
        temperature: Of the predictions.
        epsilon: Of the assignments.
        alpha: Weight of the global-global mean.
        queue_scores: Of the queue of each global view, N rows of K; they take part in assignments.
    """
    views, batch, prototypes = scores.shape
    rows = scores.tolist()
    terms: dict[str, list[float]] = {"global": [], "local": []}
    for g in range(global_views):
        queue = queue_scores[g] if queue_scores else []
        q = slow_sinkhorn(queue + rows[g], epsilon=epsilon, iterations=3)[len(queue) :]
        for v in range(views):
            if v == g:
                continue
            total = 0.0
            for b in range(batch):
                powers = [math.exp(rows[v][b][k] / temperature) for k in range(prototypes)]
                for k in range(prototypes):
                    total -= q[b][k] * math.log(powers[k] / sum(powers))
            terms["global" if v < global_views else "local"].append(total / batch)
    means = {kind: sum(values) / len(values) for kind, values in terms.items() if values}
    if "local" not in means:
        return means["global"]
    return alpha * means["global"] + (1.0 - alpha) * means["local"]
