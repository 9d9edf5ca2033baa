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
from edgessl.views.colour import luma, solarize
from edgessl.views.corruption import Corruption
from edgessl.views.jitter import apply_jitter, order_numbers
from edgessl.views.params import ViewParams, draw_params
from edgessl.views.parts import parts
from edgessl.views.rand_augment import augment
from edgessl.views.resample import crop_and_resize

Scalar = TypeVar("Scalar", bound=np.generic)


class ViewSampler:
    """Makes the views of a batch with batched tensor operations.

    Args:
        groups: The recipe's view groups, globals first.
        mean: Per-channel mean that views are normalised with, on the [0, 1] scale.
        std: Per-channel standard deviation.
        memory_format: Layout of the views.
        corruption: How images are degraded before they are cut; None to leave them.
    """

    def __init__(
        self,
        groups: Sequence[ViewGroup],
        mean: Sequence[float],
        std: Sequence[float],
        memory_format: torch.memory_format = torch.contiguous_format,
        corruption: Corruption | None = None,
    ) -> None:
        self.groups = tuple(groups)
        self.mean = tuple(mean)
        self.std = tuple(std)
        self.memory_format = memory_format
        self.corruption = corruption

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
        # Column by column in memory, as the resampling reads them.
        columns = packed.permute(0, 3, 1, 2)
        images = columns.to(torch.float32, memory_format=torch.contiguous_format)
        images = images.mul_(1.0 / 255.0).permute(0, 2, 3, 1)
        if self.corruption is not None:
            images = self.corruption(images, sizes, ids, key.seed)
        views, first_view = [], 0
        for group in self.groups:
            params = draw_params(group, first_view, sizes, ids, key)
            first_view += group.count
            pixels = normalise(make_views(images, group, params), self.mean, self.std)
            pixels = pixels.contiguous(memory_format=self.memory_format)
            views.append(pixels.view(group.count, -1, *pixels.shape[1:]))
        return views


def normalise(pixels: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Normalise pixels ``(N, 3, H, W)``, in place."""
    # The numbers travel with the call: a tensor of them would make a GPU wait for its copy.
    for channel, centre, spread in zip(pixels.unbind(dim=1), mean, std, strict=True):
        channel.sub_(centre).mul_(1.0 / spread)
    return pixels


def make_views(images: Tensor, group: ViewGroup, params: ViewParams) -> Tensor:
    """Apply given parameters to a batch.

    Args:
        images: Pixels in [0, 1], ``(B, 3, S, S)``; fastest when ``(B, W, 3, H)`` in memory.
        group: Size, crop, interpolation and the order of operations come from here.
        params: One set for each sample and view.

    Returns:
        Pixels in [0, 1], ``(V * B, 3, size_px, size_px)``, view by view; in memory
        ``(3, V * B, size_px, size_px)``.
    """
    numbers = order_numbers(_by_view(params.jitter), _by_view(params.order))
    order = np.argsort(numbers, kind="stable")  # samples are cut in this order, then put back

    def sorted_(values: NDArray[Scalar]) -> NDArray[Scalar]:
        return _by_view(values)[order]

    pixels = crop_and_resize(
        images, sorted_(params.boxes), sorted_(params.flip), group.size_px, group.interpolation,
        image=order % len(images), beyond=group.crop != "resized",
    )  # fmt: skip
    gray = sorted_(params.gray)
    if group.gray_first:
        _gray(pixels, gray)
    factors = torch.from_numpy(sorted_(params.factors).astype(np.float32))
    factors = factors.to(images.device, non_blocking=True)
    apply_jitter(pixels, numbers[order], factors, group.jitter.strengths)
    if not group.gray_first:
        _gray(pixels, gray)  # grey and blur commute, so papers that swap them see the same views
    _blur(pixels, sorted_(params.sigma))
    _solarize(pixels, sorted_(params.solarize))
    back = torch.from_numpy(np.argsort(order)).to(images.device, non_blocking=True)
    pixels = pixels.transpose(0, 1).index_select(1, back).transpose(0, 1)
    return pixels if params.augmentation is None else augment(pixels, params.augmentation)


def _by_view(values: NDArray[Scalar]) -> NDArray[Scalar]:
    """Reorder parameters ``(B, V, ...)`` to match pixels, ``(V * B, ...)``."""
    return values.swapaxes(0, 1).reshape(-1, *values.shape[2:])


def _chosen(mask: NDArray[np.bool_], device: torch.device) -> Tensor:
    """Return the indices where a mask holds. Found on the CPU, so that the GPU need not wait."""
    return torch.from_numpy(np.flatnonzero(mask)).to(device, non_blocking=True)


def _gray(pixels: Tensor, mask: NDArray[np.bool_]) -> None:
    index = _chosen(mask, pixels.device)
    if len(index):
        grey = luma(pixels.index_select(0, index))
        for channel in pixels.unbind(dim=1):
            channel.index_copy_(0, index, grey[:, 0])


def _blur(pixels: Tensor, sigma: NDArray[np.float64]) -> None:
    index, sigma = _chosen(sigma > 0, pixels.device), sigma[sigma > 0]
    planes = pixels.transpose(0, 1)
    for part in parts(len(index), pixels[0].numel(), pixels.device):
        chosen = planes.index_select(1, index[part]).transpose(0, 1)
        planes.index_copy_(1, index[part], gaussian_blur(chosen, sigma[part]).transpose(0, 1))


def _solarize(pixels: Tensor, mask: NDArray[np.bool_]) -> None:
    index = _chosen(mask, pixels.device)
    if len(index):
        planes = pixels.transpose(0, 1)
        planes.index_copy_(1, index, solarize(planes.index_select(1, index)))
