"""BYOL's loss, a loop over pairs of views and images, written from the papers."""

from __future__ import annotations

import math

from torch import Tensor


def _normalised(vector: Tensor) -> list[float]:
    length = math.sqrt(sum(float(x) ** 2 for x in vector))
    return [float(x) / length for x in vector]


def slow_byol_loss(targets: Tensor, predictions: Tensor, *, alpha: float) -> float:
    """Weigh twice the mean squared distance of global-global and of global-local pairs.

    Args:
        targets: The teacher's projections, ``(G, B, P)``.
        predictions: Of every view, ``(V, B, P)``, globals first.
        alpha: Weight of the global-global mean.
    """
    terms: dict[str, list[float]] = {"global": [], "local": []}
    for g, wanted in enumerate(targets):
        for v, guessed in enumerate(predictions):
            if g == v:
                continue
            for one, other in zip(wanted, guessed, strict=True):
                pairs = zip(_normalised(one), _normalised(other), strict=True)
                kind = "global" if v < len(targets) else "local"
                terms[kind].append(sum((a - b) ** 2 for a, b in pairs))
    means = {kind: 2.0 * sum(values) / len(values) for kind, values in terms.items() if values}
    if "local" not in means:
        return means["global"]
    return alpha * means.get("global", 0.0) + (1.0 - alpha) * means["local"]
