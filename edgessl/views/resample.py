"""Crop, flip and resize of a whole batch, each sample with a box of its own.

Row ``i`` of an axis of the result is a weighted sum of the few source rows under the antialiased
kernel of output pixel ``i``; the columns follow after a transposition. This is what PIL's two-pass
resize computes, without its rounding to 8 bits between the passes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgessl.recipe.view_tables import Interpolation
from edgessl.views.rows import weighted_rows

_CUBIC_A = -0.5  # PIL's (and torch's antialiased) bicubic
_REACH = {"bilinear": 1.0, "bicubic": 2.0}  # of the kernel, in pixels of the coarser grid
_AT_ONCE = (2**18, 2**28)  # numbers between the two passes: a CPU's cache; a GPU's memory
_EDGE = 1e-6  # of a pixel: a crop that ends on a pixel's edge does not hold the next pixel


def _triangle(distance: Tensor) -> Tensor:
    return (1.0 - distance).clamp_min_(0.0)


def _cubic(distance: Tensor) -> Tensor:
    near = ((_CUBIC_A + 2.0) * distance - (_CUBIC_A + 3.0)) * distance**2 + 1.0
    far = (((distance - 5.0) * distance + 8.0) * distance - 4.0) * _CUBIC_A
    return torch.where(distance < 1.0, near, torch.where(distance < 2.0, far, 0.0))


@dataclass(frozen=True, slots=True)
class Axis:
    """Where crops lie on one axis of the source, in its pixels.

    Attributes:
        start: Where the first output pixel begins, ``(N,)``.
        step: Source pixels per output pixel, negative where the crop is read backwards, ``(N,)``.
        first: First pixel that may have a say, ``(N,)``.
        last: Last pixel that may have a say, ``(N,)``.
        source_px: Length of the axis.
    """

    start: NDArray[np.float64]
    step: NDArray[np.float64]
    first: NDArray[np.float64]
    last: NDArray[np.float64]
    source_px: int


def place_axis(
    start: NDArray[np.float64],
    length: NDArray[np.float64],
    backwards: NDArray[np.bool_],
    out_px: int,
    source_px: int,
    beyond: bool = False,
) -> Axis:
    """Find where crops lie on one axis.

    Args:
        start: Where each crop starts, as a share of the axis, ``(N,)``.
        length: How long it is, as a share of the axis, ``(N,)``.
        backwards: Whether to read it backwards, which flips it, ``(N,)``.
        out_px: Output pixels.
        source_px: Source pixels.
        beyond: Whether pixels outside the crop have a say too, as when the whole image is resized
            first and then cut; output pixels outside the image are black.
    """
    low, span = start * source_px, length * source_px
    first, last = np.floor(low + _EDGE), np.ceil(low + span - _EDGE) - 1.0
    if beyond:
        first, last = np.zeros_like(low), np.full_like(low, source_px - 1.0)
    first = np.clip(first, 0.0, source_px - 1.0)
    return Axis(
        start=np.where(backwards, low + span, low),
        step=np.where(backwards, -span, span) / out_px,
        first=first,
        last=np.clip(last, first, source_px - 1.0),
        source_px=source_px,
    )


def resample_taps(
    axis: Axis, out_px: int, interpolation: Interpolation, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Build what resizes one axis of crops.

    Args:
        axis: Where the crops lie.
        out_px: Output pixels.
        interpolation: ``"bilinear"`` or ``"bicubic"``, widened when shrinking (antialiasing).
        device: Where the result is needed.

    Returns:
        For every output pixel the source pixels under its kernel, ``(N, out_px, T)`` int64, and
        their weights, which sum to 1 (to 0 outside the image), ``(N, out_px, T)``.
    """
    # Positions are worked out in float64 up to here: in float32 a crop's edge could change pixel.
    numbers = np.stack([axis.start, axis.step, axis.first, axis.last])[..., None, None]
    placed = torch.from_numpy(numbers.astype(np.float32)).to(device, non_blocking=True)
    start, step, first, last = placed.unbind()  # (N, 1, 1)
    reach = _REACH[interpolation]
    taps = math.ceil(2.0 * reach * max(1.0, float(np.abs(axis.step).max(initial=0.0))))
    width = step.abs().clamp_min_(1.0)
    out = torch.arange(out_px, device=device, dtype=torch.float32)[:, None]
    centre = (out + 0.5) * step + start  # (N, out, 1)
    pixel = (centre - width * reach + 0.5).floor_() + torch.arange(taps, device=device)
    distance = ((pixel + 0.5 - centre) / width).abs_()  # (N, out, T)
    weights = _triangle(distance) if interpolation == "bilinear" else _cubic(distance)
    weights *= (pixel >= first) & (pixel <= last)
    # One after the other, so that the widest kernel of a batch does not change how all are rounded.
    weights /= weights.cumsum(dim=-1)[..., -1:]
    inside = (centre >= 0.0) & (centre < axis.source_px)
    weights = torch.where(inside, weights, 0.0)
    return torch.clamp(pixel, first, last).long(), weights


def crop_and_resize(
    images: Tensor,
    boxes: NDArray[np.float64],
    flip: NDArray[np.bool_],
    out_px: int,
    interpolation: Interpolation,
    *,
    image: NDArray[np.int64] | None = None,
    beyond: bool = False,
) -> Tensor:
    """Cut crops out of images, flip them where asked, and resize them.

    Args:
        images: Pixels in [0, 1], ``(B, 3, S, S)``; fastest when ``(B, W, 3, H)`` in memory.
        boxes: Left, top, width, height as shares of the image, ``(N, 4)``.
        flip: Whether to flip left and right, ``(N,)``.
        out_px: Side of the result.
        interpolation: Kernel.
        image: The image of each crop, ``(N,)``; crop ``i`` is of image ``i`` if left out.
        beyond: Whether pixels outside the crop have a say, see ``place_axis``.

    Returns:
        Pixels, ``(N, 3, out_px, out_px)``, in memory ``(3, N, out_px, out_px)``; bicubic may
        overshoot [0, 1] and is clamped.
    """
    count, (rows, columns), device = len(boxes), images.shape[-2:], images.device
    across = place_axis(boxes[:, 0], boxes[:, 2], flip, out_px, columns, beyond)
    down = place_axis(boxes[:, 1], boxes[:, 3], np.zeros_like(flip), out_px, rows, beyond)
    column, column_weights = resample_taps(across, out_px, interpolation, device)
    row, row_weights = resample_taps(down, out_px, interpolation, device)
    image = np.arange(count) if image is None else image
    column += torch.from_numpy(image * columns).to(device, non_blocking=True)[:, None, None]
    table = images.permute(0, 3, 1, 2).reshape(-1, 3 * rows)  # one row for each column of pixels
    result = torch.empty(3, count, out_px, out_px, device=device)
    at_once = max(1, _AT_ONCE[device.type != "cpu"] // (out_px * table.shape[1]))
    row += (torch.arange(count, device=device) % at_once * rows)[:, None, None]
    for begin in range(0, count, at_once):
        part = slice(begin, begin + at_once)
        narrow = weighted_rows(table, column[part], column_weights[part])
        narrow = narrow.view(-1, out_px, 3, rows).transpose(1, 3).reshape(-1, 3 * out_px)
        square = weighted_rows(narrow, row[part], row_weights[part])
        result[:, part] = square.view(-1, out_px, 3, out_px).permute(2, 0, 1, 3)
    pixels = result.transpose(0, 1)
    return pixels.clamp_(0.0, 1.0) if interpolation == "bicubic" else pixels
