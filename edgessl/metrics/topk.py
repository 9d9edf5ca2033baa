"""Top-k accuracy, and who is taken for whom."""

from __future__ import annotations

import torch
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


TOP5_FROM = 11
"""Classes from which on top-5 says something that top-1 does not: more than ten."""


def top5(logits: Tensor, labels: Tensor) -> Score | None:
    """Score as correct where the label is among the five highest logits.

    Args:
        logits: ``(N, K)``.
        labels: Class indices, ``(N,)``.

    Returns:
        None where there are too few classes for it to mean much.
    """
    return topk(logits, labels, 5) if logits.shape[1] >= TOP5_FROM else None


def confusion_matrix(predictions: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Count predictions per true class.

    Args:
        predictions: Class indices, ``(N,)``.
        labels: Class indices, ``(N,)``.
        num_classes: Number of classes ``K``.

    Returns:
        ``(K, K)`` int64: rows are true classes, columns predicted ones.
    """
    cells = labels.long() * num_classes + predictions.long()
    return torch.bincount(cells, minlength=num_classes**2).view(num_classes, num_classes)
