"""Padded images and the targets of their boxes, for a step of a detector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgessl.dense.transfer.originals import Stream
from edgessl.dense.transfer.scenes import Scene, decode_masks
from edgessl.rng import DrawKey, uniforms

FLIP = 40
"""Number of the draws of mirroring."""


def flipped(key: DrawKey, ids: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """Draw which images are mirrored left to right, ``(B,)``."""
    draws = uniforms(key, ids, np.zeros(1, np.int64), FLIP, 1)[:, 0, 0]
    result: NDArray[np.bool_] = draws < share
    return result


class SceneSampler:
    """Makes training batches of a detector.

    Args:
        scenes: All training images.
        stream: Which of them each visit is.
        flip_share: Share of images that are mirrored.
        masks: Whether masks are wanted.
    """

    def __init__(
        self, scenes: Sequence[Scene], stream: Stream, flip_share: float, *, masks: bool
    ) -> None:
        self._scenes, self._order = scenes, stream.order
        self._flip_share, self._masks = flip_share, masks

    def __call__(
        self, packed: Tensor, sizes: NDArray[np.int32], ids: NDArray[np.int64], key: DrawKey
    ) -> list[Tensor]:
        """Make a batch.

        Args:
            packed: Padded pixels, ``(B, 3, H, W)`` uint8 on the training device.
            sizes: Height and width of each, ``(B, 2)``.
            ids: Visits, ``(B,)``.
            key: Seed, stage and epoch.

        Returns:
            Pixels ``(1, B, 3, H, W)`` uint8; sizes ``(B, 2)``; corners of boxes in pixels
            ``(B, N, 4)``; classes ``(B, N)`` from 0, -1 where there is no box; and, where they are
            wanted, masks ``(B, N, H, W)`` uint8.
        """
        flips = flipped(key, ids, self._flip_share)
        pixels = packed.clone()
        height, width = packed.shape[-2:]
        chosen = [self._scenes[place] for place in self._order[ids].tolist()]
        rows = [np.flatnonzero(~one.crowd) for one in chosen]
        most = max(1, *(len(one) for one in rows))
        boxes = np.zeros((len(ids), most, 4), np.float32)
        kinds = np.full((len(ids), most), -1, np.int64)
        masks = np.zeros((len(ids), most, height, width) if self._masks else 0, np.uint8)
        for i, (scene, own, flip) in enumerate(zip(chosen, rows, flips.tolist(), strict=True)):
            count, corners = len(own), scene.boxes[own].copy()
            if flip:
                pixels[i, :, : scene.height, : scene.width] = (
                    packed[i, :, : scene.height, : scene.width].flip(-1)
                )
                corners[:, [0, 2]] = scene.width - corners[:, [2, 0]]
            boxes[i, :count], kinds[i, :count] = corners, scene.labels[own]
            if self._masks:
                drawn = decode_masks(scene, own.tolist())
                drawn = drawn[..., ::-1] if flip else drawn
                masks[i, :count, : scene.height, : scene.width] = drawn
        parts = [torch.from_numpy(sizes.astype(np.int64)), torch.from_numpy(boxes),
                 torch.from_numpy(kinds)]  # fmt: skip
        parts += [torch.from_numpy(masks)] if self._masks else []
        return [pixels[None], *(one.to(packed.device, non_blocking=True) for one in parts)]
