"""Crop, flip and resize of a whole batch as two batched matrix products.

Each sample and view has its own weight matrix per axis: row ``i`` holds the antialiased kernel of
output pixel ``i`` over the source pixels inside the crop. This is what PIL's two-pass resize
computes, without its rounding to 8 bits between the passes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from edgessl.recipe.view_tables import Interpolation

_CUBIC_A = -0.5  # PIL's (and torch's antialiased) bicubic


def _triangle(distance: Tensor) -> Tensor:
    return (1.0 - distance).clamp_min_(0.0)


def _cubic(distance: Tensor) -> Tensor:
    near = ((_CUBIC_A + 2.0) * distance - (_CUBIC_A + 3.0)) * distance**2 + 1.0
    far = (((distance - 5.0) * distance + 8.0) * distance - 4.0) * _CUBIC_A
    return torch.where(distance < 1.0, near, torch.where(distance < 2.0, far, 0.0))


def resample_weights(
    start: Tensor, length: Tensor, out_px: int, source_px: int, interpolation: Interpolation
) -> Tensor:
    """Build the weights that resize one axis of a crop.

    Args:
        start: Where the crop starts, as a share of the axis, ``(N,)``.
        length: How long it is, as a share of the axis, ``(N,)``. Negative lengths read the crop
            backwards from ``start``, which flips it.
        out_px: Output pixels.
        source_px: Source pixels.
        interpolation: ``"bilinear"`` or ``"bicubic"``, widened when shrinking (antialiasing).

    Returns:
        Weights whose rows sum to 1, ``(N, out_px, source_px)``.
    """
    start_px = (start * source_px)[:, None, None]
    length_px = (length * source_px)[:, None, None]
    step = length_px / out_px  # source pixels per output pixel, negative when flipped
    width = step.abs().clamp_min(1.0)
    out = torch.arange(out_px, device=start.device, dtype=start.dtype)[None, :, None]
    source = torch.arange(source_px, device=start.device, dtype=start.dtype)[None, None, :] + 0.5
    centre = start_px + (out + 0.5) * step  # (N, out, 1)
    distance = ((source - centre) / width).abs_()  # (N, out, source)
    weights = _triangle(distance) if interpolation == "bilinear" else _cubic(distance)
    # A pixel outside the crop has no say, as if the crop had been cut out first. The half pixel
    # keeps one pixel in crops narrower than the pack's pixels.
    low = torch.minimum(start_px, start_px + length_px)
    high = torch.maximum(start_px, start_px + length_px)
    weights = weights * ((source > low - 0.5) & (source < high + 0.5))
    return weights / weights.sum(dim=-1, keepdim=True)


def crop_and_resize(
    images: Tensor, boxes: Tensor, flip: Tensor, out_px: int, interpolation: Interpolation
) -> Tensor:
    """Cut one crop out of each image, flip it where asked, and resize it.

    Args:
        images: Pixels in [0, 1], ``(B, 3, S, S)``.
        boxes: Left, top, width, height as shares of the image, ``(B, 4)``.
        flip: Whether to flip left and right, ``(B,)`` bool.
        out_px: Side of the result.
        interpolation: Kernel.

    Returns:
        Pixels, ``(B, 3, out_px, out_px)``; bicubic may overshoot [0, 1] and is clamped.
    """
    left, top, width, height = boxes.unbind(dim=-1)
    start_x = torch.where(flip, left + width, left)
    width = torch.where(flip, -width, width)
    across = resample_weights(start_x, width, out_px, images.shape[-1], interpolation)
    down = resample_weights(top, height, out_px, images.shape[-2], interpolation)
    batch, channels, rows, columns = images.shape
    narrow = torch.bmm(images.reshape(batch, channels * rows, columns), across.transpose(1, 2))
    result = torch.matmul(down[:, None], narrow.view(batch, channels, rows, out_px))
    return result.clamp_(0.0, 1.0) if interpolation == "bicubic" else result
