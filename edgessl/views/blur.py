"""Gaussian blur of a batch with one sigma a sample, as a banded matrix on each axis."""

from __future__ import annotations

import torch
from torch import Tensor


def blur_matrix(sigma: Tensor, size_px: int) -> Tensor:
    """Build the matrix that blurs one axis, edges reflected.

    Args:
        sigma: Standard deviation in pixels, > 0, ``(N,)``.
        size_px: Length of the axis.

    Returns:
        Weights whose rows sum to 1, ``(N, size_px, size_px)``.
    """
    index = torch.arange(size_px, device=sigma.device, dtype=sigma.dtype)
    scale = (-0.5 / sigma.square())[:, None, None]
    away = index[None, :] - index[:, None]  # source - output
    weights = torch.exp(scale * away.square())
    # Pixel j also stands at its mirror images -j and 2 (size - 1) - j; the edge itself does not.
    left = torch.exp(scale * (-index[None, :] - index[:, None]).square())
    right = torch.exp(scale * (2.0 * (size_px - 1) - index[None, :] - index[:, None]).square())
    weights[:, :, 1:] += left[:, :, 1:]
    weights[:, :, :-1] += right[:, :, :-1]
    return weights / weights.sum(dim=-1, keepdim=True)


def gaussian_blur(pixels: Tensor, sigma: Tensor) -> Tensor:
    """Blur each image.

    Args:
        pixels: ``(N, 3, H, H)``, square.
        sigma: Standard deviation in pixels, > 0, ``(N,)``.
    """
    matrix = blur_matrix(sigma, pixels.shape[-1])[:, None]  # (N, 1, H, H)
    across = torch.matmul(pixels, matrix.transpose(-1, -2))
    return torch.matmul(matrix, across)
