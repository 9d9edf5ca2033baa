"""The weight of two kinds of pairs for which their weighted mean is the plain mean."""

from __future__ import annotations


def neutral_alpha(global_views: int, views: int) -> float:
    """Return the alpha for which ``balanced_mean`` is the plain mean over all pairs."""
    return (global_views - 1) / (views - 1)
