"""Which classes are taken for which."""

from __future__ import annotations

import torch
from torch import Tensor


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
