"""Cross-entropy to smoothed labels of mixed images, an image and a class at a time."""

from __future__ import annotations

from math import exp, log


def slow_mixed_cross_entropy(
    logits: list[list[float]], labels: list[int], others: list[int], weight: float, smoothing: float
) -> float:
    """Return the mean over images of -sum_k target_k log softmax_k.

    Args:
        logits: A row an image.
        labels: Of the first images.
        others: Of the images mixed into them.
        weight: Of the first ones.
        smoothing: Share of the target that all classes get alike.
    """
    total = 0.0
    for row, own, other in zip(logits, labels, others, strict=True):
        norm = sum(exp(value) for value in row)
        for k, value in enumerate(row):
            hard = weight * (k == own) + (1 - weight) * (k == other)
            target = (1 - smoothing) * hard + smoothing / len(row)
            total -= target * log(exp(value) / norm)
    return total / len(logits)
