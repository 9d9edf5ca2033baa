"""What training does to the images of a batch, each with draws of its own."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgessl.recipe.dense_table import AugmentTable, DenseImageTable
from edgessl.rng import DrawKey, uniforms
from edgessl.views.jitter import apply_jitter, order_numbers
from edgessl.views.resample import crop_and_resize
from edgessl.views.sampler import normalise

_CROP, _FLIP, _COLOUR, _ORDER = range(50, 54)  # operations, apart from those of views


class Augment:
    """Crops, flips and colours of a batch, for answers that have to follow the pixels.

    Args:
        image: How images are fed.
        augment: What is done to them.
        memory_format: Layout of the images.
    """

    def __init__(
        self, image: DenseImageTable, augment: AugmentTable, memory_format: torch.memory_format
    ) -> None:
        self._image, self._augment, self._format = image, augment, memory_format

    def images(
        self, packed: Tensor, ids: NDArray[np.int64], key: DrawKey,
        crops: NDArray[np.float64], flips: NDArray[np.bool_],
    ) -> Tensor:
        """Return normalised images, ``(B, 3, S, S)``.

        Args:
            packed: Squashed pixels, ``(B, 3, P, P)`` uint8.
            ids: Sample ids, ``(B,)``.
            key: Seed, stage and epoch.
            crops: From ``places``.
            flips: From ``places``.
        """
        pixels = packed.to(torch.float32).mul_(1.0 / 255.0)
        if flips[:, 1].any():
            upside = torch.from_numpy(np.flatnonzero(flips[:, 1])).to(packed.device)
            pixels[upside] = pixels[upside].flip(2)
        pixels = crop_and_resize(
            pixels, crops, flips[:, 0], self._image.input_px, self._image.interpolation, beyond=True
        )
        pixels = self._coloured(pixels, ids, key)
        pixels = normalise(pixels, self._image.mean, self._image.std)
        return pixels.contiguous(memory_format=self._format)

    def places(
        self, ids: NDArray[np.int64], key: DrawKey
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Draw where the crops lie.

        Args:
            ids: Sample ids, ``(B,)``.
            key: Seed, stage and epoch.

        Returns:
            Left, top, width, height as shares of the image, ``(B, 4)``; and flips, ``(B, 2)``:
            across, of the crop, and down, of the image before it is cropped.
        """
        table, view = self._augment, np.zeros(1, np.int64)
        draws = uniforms(key, ids, view, _CROP, 5)[:, 0]
        # Even in the logarithm: zooming in and out by a factor are as frequent.
        area = np.exp(_between(np.log(table.area), draws[:, 0]))
        ratio = np.exp(_between(np.log(table.ratio), draws[:, 1]))
        size = np.stack([np.sqrt(area * ratio), np.sqrt(area / ratio)], axis=1)
        corner = draws[:, 2:4] * (1.0 - size)  # inside, or around the image where it is larger
        whole = draws[:, 4] >= table.zoom_share
        crops = np.concatenate([corner, size], axis=1)
        crops[whole] = (0.0, 0.0, 1.0, 1.0)
        flips = uniforms(key, ids, view, _FLIP, 2)[:, 0]
        return crops, flips < np.array([table.flip_share, table.flip_vertical_share])

    def _coloured(self, pixels: Tensor, ids: NDArray[np.int64], key: DrawKey) -> Tensor:
        table, view = self._augment, np.zeros(1, np.int64)
        draws = uniforms(key, ids, view, _COLOUR, 5)[:, 0]
        strengths = np.array(table.jitter)
        factors = (2.0 * draws[:, :4] - 1.0) * strengths
        factors[:, :3] += 1.0
        order = np.argsort(uniforms(key, ids, view, _ORDER, 4)[:, 0], axis=1, kind="stable")
        numbers = order_numbers(draws[:, 4] < table.jitter_share, order)
        by_order = np.argsort(numbers, kind="stable")
        there = torch.from_numpy(by_order).to(pixels.device)
        back = torch.from_numpy(np.argsort(by_order)).to(pixels.device)
        chosen = pixels.transpose(0, 1).index_select(1, there).transpose(0, 1)
        changes = torch.from_numpy(factors[by_order].astype(np.float32)).to(pixels.device)
        apply_jitter(chosen, numbers[by_order], changes, table.jitter)
        return chosen.transpose(0, 1).index_select(1, back).transpose(0, 1)


def _between(ends: NDArray[np.float64], draws: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = ends[0] + (ends[1] - ends[0]) * draws
    return result
