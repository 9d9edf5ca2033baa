"""InfoNCE with loops over views, images and candidates, written from MoCo's equation 1."""

from __future__ import annotations

import math

from torch import Tensor


def slow_info_nce(
    queries: Tensor,
    keys: Tensor,
    queue: Tensor,
    *,
    temperature: float,
    global_queries: int,
    alpha: float,
) -> float:
    """Weigh the mean loss of global and of local queries.

    Args:
        queries: Normalised, ``(V, B, P)``, globals first.
        keys: Normalised, ``(B, P)``.
        queue: Normalised, ``(N, P)``.
        temperature: Of the contrast.
        global_queries: How many views are global.
        alpha: Weight of the global queries.
    """
    means = []
    for view in queries.tolist():
        total = 0.0
        for query, key in zip(view, keys.tolist(), strict=True):
            candidates = [key, *queue.tolist()]
            powers = [
                math.exp(sum(q * c for q, c in zip(query, candidate, strict=True)) / temperature)
                for candidate in candidates
            ]
            total -= math.log(powers[0] / sum(powers))
        means.append(total / len(keys))
    ours, others = means[:global_queries], means[global_queries:]
    if not others:
        return sum(ours) / len(ours)
    return alpha * sum(ours) / len(ours) + (1.0 - alpha) * sum(others) / len(others)
