"""Augmented images and boxes of a batch, each image with draws of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgessl.dense.augment import Augment
from edgessl.dense.boxes.boxed import BoxedImage
from edgessl.recipe.dense_table import AugmentTable, DenseImageTable
from edgessl.rng import DrawKey


class BoxSampler:
    """Makes training batches of a detector with batched tensor operations.

    Args:
        images: All training images; sample ids are their places.
        image: How images are fed.
        augment: What is done to them.
        memory_format: Layout of the images.
    """

    def __init__(
        self,
        images: Sequence[BoxedImage],
        image: DenseImageTable,
        augment: AugmentTable,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        self._boxes = [one.shares for one in images]
        self._labels = [np.where(one.difficult, -2 - one.labels, one.labels) for one in images]
        self._augment = Augment(image, augment, memory_format)
        self._min_visible = augment.min_visible

    def __call__(
        self, packed: Tensor, sizes: NDArray[np.int32], ids: NDArray[np.int64], key: DrawKey
    ) -> list[Tensor]:
        """Make a batch.

        Args:
            packed: Squashed pixels, ``(B, 3, P, P)`` uint8 on the training device.
            sizes: Not used: a detector sees images squashed.
            ids: Sample ids, ``(B,)``.
            key: Seed, stage and epoch.

        Returns:
            Normalised images ``(1, B, 3, S, S)``; corners of boxes as shares, ``(B, N, 4)``; their
            classes, -1 where there is none, ``(B, N)``.
        """
        crops, flips = self._augment.places(ids, key)
        images = self._augment.images(packed, ids, key, crops, flips)
        boxes, labels = self._targets(ids, crops, flips)
        return [images[None], boxes.to(packed.device), labels.to(packed.device)]

    def _targets(
        self, ids: NDArray[np.int64], crops: NDArray[np.float64], flips: NDArray[np.bool_]
    ) -> tuple[Tensor, Tensor]:
        found = [
            _cropped(self._boxes[one], self._labels[one], crop, flip, self._min_visible)
            for one, crop, flip in zip(ids.tolist(), crops, flips, strict=True)
        ]
        most = max(1, *(len(labels) for _, labels in found))
        boxes = np.zeros((len(ids), most, 4), np.float32)
        kinds = np.full((len(ids), most), -1, np.int64)
        for row, (own, labels) in enumerate(found):
            boxes[row, : len(labels)], kinds[row, : len(labels)] = own, labels
        return torch.from_numpy(boxes), torch.from_numpy(kinds)


def _cropped(
    boxes: NDArray[np.float32],
    labels: NDArray[np.int64],
    crop: NDArray[np.float64],
    flip: NDArray[np.bool_],
    min_visible: float,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Move boxes into a crop; those that it shows too little of are ignored, or gone."""
    moved = boxes.astype(np.float64)
    if flip[1]:  # before the crop, as the pixels are
        moved[:, [1, 3]] = 1.0 - moved[:, [3, 1]]
    moved = (moved - np.tile(crop[:2], 2)) / np.tile(crop[2:], 2)
    if flip[0]:  # within the crop
        moved[:, [0, 2]] = 1.0 - moved[:, [2, 0]]
    seen = moved.clip(0.0, 1.0)
    area, visible = _area(moved), _area(seen)
    share = visible / np.maximum(area, 1e-12)
    kinds = np.where((share < min_visible) & (labels >= 0), -2 - labels, labels)
    there = visible > 1e-6
    return seen[there].astype(np.float32), kinds[there]


def _area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return result
