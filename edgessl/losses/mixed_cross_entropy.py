"""Cross-entropy with the labels of two mixed images."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy


def mixed_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    others: Tensor,
    *,
    weight: float,
    label_smoothing: float = 0.0,
    class_weights: Tensor | None = None,
) -> Tensor:
    """Cross-entropy to the labels of both images that each input is mixed of.

    Args:
        logits: Of the mixed images, ``(B, K)``.
        labels: Classes of the first images, ``(B,)`` int64.
        others: Classes of the second ones, ``(B,)`` int64.
        weight: Of the first ones, in [0, 1]; 1 for images that are not mixed.
        label_smoothing: Share of either target spread over all classes, in [0, 1].
        class_weights: What an image of each class counts, ``(K,)``; None for 1. The mean is over
            images, not over weights, so that it does not depend on how a batch is divided.

    Returns:
        Mean over the batch, a scalar in nats.

    Source:
        Zhang et al. 2018 (mixup), arXiv:1710.09412; label smoothing: Szegedy et al. 2016.
    """
    loss = weight * _weighted(logits, labels, label_smoothing, class_weights)
    if weight < 1.0:
        loss = loss + (1.0 - weight) * _weighted(logits, others, label_smoothing, class_weights)
    return loss


def _weighted(
    logits: Tensor, labels: Tensor, label_smoothing: float, class_weights: Tensor | None
) -> Tensor:
    if class_weights is None:
        return cross_entropy(logits, labels, label_smoothing=label_smoothing)
    losses = cross_entropy(logits, labels, label_smoothing=label_smoothing, reduction="none")
    return (class_weights[labels] * losses).mean()
