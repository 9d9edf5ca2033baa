"""Gaussian blur of a batch with one sigma a sample, axis by axis."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgessl.views.rows import weighted_rows

_CUT = 5.0  # in sigma: what lies beyond weighs under 1e-6 of the whole


def blur_kernels(sigma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the kernel of each sigma, which sums to 1, ``(N, T)``; T is odd, its middle at 0.

    Args:
        sigma: Standard deviation in pixels, > 0, ``(N,)``.
    """
    radius = math.ceil(_CUT * float(sigma.max()))
    distance = np.abs(np.arange(-radius, radius + 1))
    kernels = np.exp(-0.5 * (distance / sigma[:, None]) ** 2)
    kernels *= distance <= _CUT * sigma[:, None]  # whatever else is in the batch
    # One after the other, so that the zeros of narrow kernels do not change how the sum is rounded.
    total = np.cumsum(kernels, axis=1)[:, -1:]
    return np.asarray(kernels / total)


def mirrored(size_px: int, radius: int) -> NDArray[np.int64]:
    """Return the pixels under a kernel at each place, edges reflected, ``(size_px, T)``."""
    place = np.arange(size_px)[:, None] + np.arange(-radius, radius + 1)
    place = np.abs(place) % max(1, 2 * size_px - 2)
    folded: NDArray[np.int64] = np.minimum(place, 2 * size_px - 2 - place)
    return folded


def gaussian_blur(pixels: Tensor, sigma: NDArray[np.float64]) -> Tensor:
    """Blur each image.

    Args:
        pixels: ``(N, 3, H, H)``, square.
        sigma: Standard deviation in pixels, > 0, ``(N,)``.

    Returns:
        Pixels, ``(N, 3, H, H)``.
    """
    kernels = blur_kernels(sigma)
    radius, size_px, device = kernels.shape[1] // 2, pixels.shape[-1], pixels.device
    near = torch.from_numpy(mirrored(size_px, radius)).to(device, non_blocking=True)
    weights = torch.from_numpy(kernels.astype(np.float32)).to(device, non_blocking=True)
    first_row = torch.arange(0, len(sigma) * size_px, size_px, device=device)
    index = first_row[:, None, None] + near  # (N, H, T)
    weights = weights[:, None].expand(-1, size_px, -1).contiguous()
    rows = pixels.transpose(1, 2)  # (N, H, 3, W): all three channels in a row of the table
    for _axis in range(2):
        table = rows.reshape(-1, 3 * size_px)
        rows = weighted_rows(table, index, weights).view(rows.shape).transpose(1, 3)
    return rows.transpose(1, 2)
