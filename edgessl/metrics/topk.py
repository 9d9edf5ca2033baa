"""Top-k accuracy."""

from __future__ import annotations

from torch import Tensor

from edgessl.metrics.interval import Score


def top1(predictions: Tensor, labels: Tensor) -> Score:
    """Score predicted classes.

    Args:
        predictions: Class indices, ``(N,)``.
        labels: Class indices, ``(N,)``.
    """
    return Score.from_counts(int((predictions == labels).sum()), len(labels))


def topk(logits: Tensor, labels: Tensor, k: int) -> Score:
    """Score as correct where the label is among the k highest logits.

    Args:
        logits: ``(N, K)``.
        labels: Class indices, ``(N,)``.
        k: From 1; all K classes where k is larger.
    """
    best = logits.topk(min(k, logits.shape[1]), dim=1).indices  # (N, k)
    return Score.from_counts(int((best == labels[:, None]).any(dim=1).sum()), len(labels))
