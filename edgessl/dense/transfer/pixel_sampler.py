"""Random crops of images and of the classes of their pixels, each with draws of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate, pad
from torchvision.transforms.v2 import functional as change

from edgessl.dense.masks.masked import VOID, MaskedImage
from edgessl.dense.transfer.originals import Stream
from edgessl.dense.transfer.pixels import labels_of
from edgessl.dense.transfer.sampler import flipped
from edgessl.recipe.transfer_table import CropTable
from edgessl.rng import DrawKey, uniforms

_PLACE, _COLOUR = 41, 42
"""Numbers of the draws of crops and colours."""
_CHANGES = (
    change.adjust_brightness, change.adjust_contrast, change.adjust_saturation, change.adjust_hue,
)  # fmt: skip


class PixelSampler:
    """Makes training batches of a segmenter.

    Args:
        images: All training images.
        lookup: As of ``PixelSet``.
        stream: Which of them each visit is.
        table: How images are fed.
    """

    def __init__(
        self, images: Sequence[MaskedImage], lookup: tuple[int, ...], stream: Stream,
        table: CropTable,
    ) -> None:  # fmt: skip
        self._images, self._lookup, self._order, self._table = images, lookup, stream.order, table

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
            Normalised images ``(1, B, 3, h, w)`` and classes ``(B, h, w)`` int64.
        """
        table, device = self._table, packed.device
        one = np.zeros(1, np.int64)
        draws = uniforms(key, ids, one, _PLACE, 3)[:, 0]
        colours = uniforms(key, ids, one, _COLOUR, 8)[:, 0]
        flips = flipped(key, ids, table.flip_share)
        images, labels = [], []
        for i, place in enumerate(self._order[ids].tolist()):
            height, width = map(int, sizes[i])
            window, scaled = self._window(height, width, draws[i])
            left, top, right, bottom = window
            pixels = packed[i, :, top:bottom, left:right].float()[None] / 255
            found = torch.from_numpy(labels_of(self._images[place], self._lookup))
            classes = found[top:bottom, left:right].to(device).float()[None, None]
            pixels = interpolate(pixels, scaled, mode="bilinear", antialias=True)[0].clamp(0, 1)
            classes = interpolate(classes, scaled, mode="nearest")[0, 0].long()
            pixels = self._coloured(pixels, colours[i])
            if flips[i]:
                pixels, classes = pixels.flip(-1), classes.flip(-1)
            images.append(self._normalised(pixels))
            labels.append(_padded(classes, table.window_px, VOID))
        return [torch.stack(images)[None], torch.stack(labels)]

    def _window(
        self, height: int, width: int, draws: NDArray[np.float64]
    ) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
        """Return a window of an original, and the size that it is scaled to."""
        table = self._table
        side = table.train_px[int(draws[0] * len(table.train_px))]
        scale = side / min(height, width)
        rows, columns = (min(whole, max(1, round(crop / scale)))
                         for whole, crop in zip((height, width), table.window_px, strict=True))
        top = int(draws[1] * (height - rows + 1))
        left = int(draws[2] * (width - columns + 1))
        # No crop is more than rounding away from its scale; a small image is padded.
        scaled = tuple(min(crop, max(1, round(part * scale))) if part == whole else crop
                       for part, whole, crop in zip((rows, columns), (height, width),
                                                    table.window_px, strict=True))
        return (left, top, left + columns, top + rows), (scaled[0], scaled[1])

    def _coloured(self, pixels: Tensor, draws: NDArray[np.float64]) -> Tensor:
        table = self._table
        for way, coin, draw, strength in zip(
            _CHANGES, draws[:4], draws[4:], table.jitter, strict=True
        ):
            if coin < table.jitter_share and strength:
                middle = 0.0 if way is change.adjust_hue else 1.0
                amount = middle + strength * (2.0 * float(draw) - 1.0)
                if way is change.adjust_hue:
                    amount = max(-0.5, min(0.5, amount))
                pixels = way(pixels, max(0.0, amount) if middle else amount)
        return pixels

    def _normalised(self, pixels: Tensor) -> Tensor:
        mean, std = (torch.tensor(one, device=pixels.device)[:, None, None]
                     for one in (self._table.mean, self._table.std))  # fmt: skip
        return _padded((pixels - mean) / std, self._table.window_px, 0)


def _padded(image: Tensor, size: tuple[int, int], value: float) -> Tensor:
    """Fill up at right and bottom."""
    height, width = image.shape[-2:]
    return pad(image, (0, size[1] - width, 0, size[0] - height), value=value)
