"""Augmented images and masks of a batch, each image with draws of its own."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from edgessl.dense.augment import Augment
from edgessl.dense.masks.masked import VOID
from edgessl.recipe.dense_table import AugmentTable, DenseImageTable
from edgessl.rng import DrawKey


class MaskSampler:
    """Makes training batches of a segmenter with batched tensor operations.

    Args:
        masks: Squashed masks of all training images, ``(N, P, P)`` uint8 on the CPU.
        image: How images are fed.
        augment: What is done to them.
        memory_format: Layout of the images.
    """

    def __init__(
        self,
        masks: Tensor,
        image: DenseImageTable,
        augment: AugmentTable,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        self._masks = masks
        self._side = image.input_px
        self._augment = Augment(image, augment, memory_format)

    def __call__(
        self, packed: Tensor, sizes: NDArray[np.int32], ids: NDArray[np.int64], key: DrawKey
    ) -> list[Tensor]:
        """Make a batch.

        Args:
            packed: Squashed pixels, ``(B, 3, P, P)`` uint8 on the training device.
            sizes: Not used: a segmenter sees images squashed.
            ids: Sample ids, ``(B,)``.
            key: Seed, stage and epoch.

        Returns:
            Normalised images ``(1, B, 3, S, S)``, and the class of each pixel or ``VOID``,
            ``(B, S, S)`` int64.
        """
        crops, flips = self._augment.places(ids, key)
        images = self._augment.images(packed, ids, key, crops, flips)
        masks = self._masks[torch.from_numpy(ids)].to(packed.device)
        return [images[None], cropped_masks(masks, crops, flips, self._side)]


def cropped_masks(
    masks: Tensor, crops: NDArray[np.float64], flips: NDArray[np.bool_], side: int
) -> Tensor:
    """Cut masks as images are cut, with the nearest pixel's class; void outside.

    Args:
        masks: ``(B, P, P)`` uint8.
        crops: Left, top, width, height as shares, ``(B, 4)``.
        flips: Across, of the crop, and down, of the image before, ``(B, 2)``.
        side: S of the result.

    Returns:
        ``(B, S, S)`` int64.
    """
    steps = (np.arange(side) + 0.5) / side
    x = np.where(flips[:, :1], 1.0 - steps[None], steps[None])  # (B, S)
    x = crops[:, :1] + crops[:, 2:3] * x
    y = crops[:, 1:2] + crops[:, 3:] * steps[None]
    y = np.where(flips[:, 1:], 1.0 - y, y)
    places = np.stack([
        np.broadcast_to(x[:, None], (len(x), side, side)),
        np.broadcast_to(y[:, :, None], (len(y), side, side)),
    ], axis=-1)  # fmt: skip
    grid = torch.from_numpy((2.0 * places - 1.0).astype(np.float32)).to(masks.device)
    shifted = masks[:, None].float() - VOID  # so that zero, which lies outside, is void
    cut = grid_sample(shifted, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return (cut[:, 0] + VOID).round().long()
