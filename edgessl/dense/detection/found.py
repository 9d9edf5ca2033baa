"""What a detector tells of an image, and the suppression of doubles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import nms


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Boxes of one image, the surest first.

    Attributes:
        boxes: Corners as shares of the image, ``(N, 4)`` float32.
        scores: ``(N,)`` float32 in [0, 1].
        labels: ``(N,)`` int64.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]

    def surest(self, count: int) -> Found:
        """Return the first ``count``."""
        return Found(self.boxes[:count], self.scores[:count], self.labels[:count])


@dataclass(frozen=True, slots=True)
class Suppression:
    """Which boxes are told.

    Attributes:
        nms_iou: Overlap above which of two boxes of a class the weaker one goes.
        min_score: Boxes up to it are not told.
        max_boxes: The most boxes of a class of an image.
    """

    nms_iou: float
    min_score: float
    max_boxes: int


def suppress(predictions: NDArray[np.float32], rule: Suppression) -> list[Found]:
    """Keep the boxes that are told, class by class, as ONNX's NonMaxSuppression does.

    Args:
        predictions: Corners and a score for each class, ``(B, A, 4 + K)``.
        rule: Which ones.

    Returns:
        One for each image.
    """
    return [_of_image(one, rule) for one in predictions]


def _of_image(predictions: NDArray[np.float32], rule: Suppression) -> Found:
    boxes, scores = torch.from_numpy(predictions[:, :4]), torch.from_numpy(predictions[:, 4:])
    kept: list[tuple[torch.Tensor, int]] = []
    for label in range(scores.shape[1]):
        there = (scores[:, label] > rule.min_score).nonzero()[:, 0]
        best = nms(boxes[there], scores[there, label], rule.nms_iou)[: rule.max_boxes]
        kept.append((there[best], label))
    rows = torch.cat([index for index, _ in kept]).numpy()
    labels = np.concatenate([np.full(len(index), label, np.int64) for index, label in kept])
    found = predictions[rows, 4 + labels]
    order = np.argsort(-found, kind="stable")
    return Found(predictions[rows, :4][order], found[order], labels[order])
