"""The view sampler: a batch of packed images in, all its views out, on the training device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgessl.recipe.view_tables import ViewGroup
from edgessl.rng import DrawKey
from edgessl.views.blur import gaussian_blur
from edgessl.views.colour import JITTER, luma, solarize
from edgessl.views.params import ViewParams, draw_params
from edgessl.views.resample import crop_and_resize

Scalar = TypeVar("Scalar", bound=np.generic)


class ViewSampler:
    """Makes the views of a batch with batched tensor operations.

    Args:
        groups: The recipe's view groups, globals first.
        mean: Per-channel mean that views are normalised with, on the [0, 1] scale.
        std: Per-channel standard deviation.
        memory_format: Layout of the views.
    """

    def __init__(
        self,
        groups: Sequence[ViewGroup],
        mean: Sequence[float],
        std: Sequence[float],
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        self.groups = tuple(groups)
        self.mean = tuple(mean)
        self.std = tuple(std)
        self.memory_format = memory_format

    def __call__(
        self, packed: Tensor, sizes: NDArray[np.int32], ids: NDArray[np.int64], key: DrawKey
    ) -> list[Tensor]:
        """Make all views of a batch.

        Args:
            packed: Squashed pixels, ``(B, 3, S, S)`` uint8 on the training device.
            sizes: Original height and width of each image, ``(B, 2)``.
            ids: Sample ids, ``(B,)``; they choose the random parameters.
            key: Seed, stage and epoch.

        Returns:
            Normalised views, one tensor ``(V, B, 3, H, W)`` for each group.
        """
        images = packed.to(torch.float32).mul_(1.0 / 255.0)
        views, first_view = [], 0
        for group in self.groups:
            params = draw_params(group, first_view, sizes, ids, key)
            first_view += group.count
            views.append(self._normalise(make_views(images, group, params), group.count))
        return views

    def _normalise(self, pixels: Tensor, count: int) -> Tensor:
        mean = torch.tensor(self.mean, device=pixels.device)[:, None, None]
        scale = torch.tensor(self.std, device=pixels.device)[:, None, None].reciprocal()
        pixels = pixels.sub_(mean).mul_(scale).contiguous(memory_format=self.memory_format)
        return pixels.view(count, -1, *pixels.shape[1:])


def make_views(images: Tensor, group: ViewGroup, params: ViewParams) -> Tensor:
    """Apply given parameters to a batch.

    Args:
        images: Pixels in [0, 1], ``(B, 3, S, S)``.
        group: Size and interpolation come from here.
        params: One set for each sample and view.

    Returns:
        Pixels in [0, 1], ``(V * B, 3, size_px, size_px)``, view by view.
    """
    device = images.device
    boxes = torch.from_numpy(params.boxes).to(device, torch.float32)
    flip = torch.from_numpy(params.flip).to(device)
    pixels = torch.cat(
        [
            crop_and_resize(images, boxes[:, v], flip[:, v], group.size_px, group.interpolation)
            for v in range(group.count)
        ]
    )
    _jitter(pixels, params)
    _gray(pixels, params)  # grey and blur commute, so papers that swap them see the same views
    _blur(pixels, params)
    _solarize(pixels, params)
    return pixels


def _by_view(values: NDArray[Scalar]) -> NDArray[Scalar]:
    """Reorder parameters ``(B, V, ...)`` to match pixels, ``(V * B, ...)``."""
    return values.swapaxes(0, 1).reshape(-1, *values.shape[2:])


def _chosen(mask: NDArray[np.bool_], device: torch.device) -> Tensor:
    """Return the indices where a mask holds. Found on the CPU, so that the GPU need not wait."""
    return torch.from_numpy(np.flatnonzero(mask)).to(device, non_blocking=True)


def _jitter(pixels: Tensor, params: ViewParams) -> None:
    jitter = _by_view(params.jitter)
    order = _by_view(params.order)
    factors = torch.from_numpy(_by_view(params.factors)).to(pixels.device, torch.float32)
    for place in range(4):  # samples whose operation number `place` is this one, all together
        for number, operation in enumerate(JITTER):
            index = _chosen(jitter & (order[:, place] == number), pixels.device)
            if len(index):
                pixels[index] = operation(pixels[index], factors[index, number])


def _gray(pixels: Tensor, params: ViewParams) -> None:
    index = _chosen(_by_view(params.gray), pixels.device)
    if len(index):
        pixels[index] = luma(pixels[index]).expand(-1, 3, -1, -1)


def _blur(pixels: Tensor, params: ViewParams) -> None:
    sigma = _by_view(params.sigma)
    index = _chosen(sigma > 0, pixels.device)
    if len(index):
        chosen = torch.from_numpy(sigma).to(pixels.device, torch.float32)[index]
        pixels[index] = gaussian_blur(pixels[index], chosen)


def _solarize(pixels: Tensor, params: ViewParams) -> None:
    index = _chosen(_by_view(params.solarize), pixels.device)
    if len(index):
        pixels[index] = solarize(pixels[index])
