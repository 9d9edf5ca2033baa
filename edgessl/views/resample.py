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
from edgessl.views.parts import parts
from edgessl.views.rows import weighted_rows

_CUBIC_A = -0.5  # PIL's (and torch's antialiased) bicubic
_REACH = {"bilinear": 1.0, "bicubic": 2.0}  # of the kernel, in pixels of the coarser grid
_EDGE = 1e-6  # of a pixel: a crop that ends on a pixel's edge does not hold the next pixel


def _triangle(distance: Tensor) -> Tensor:
    return (1.0 - distance).clamp_min_(0.0)


def _cubic(distance: Tensor) -> Tensor:
    near = ((_CUBIC_A + 2.0) * distance - (_CUBIC_A + 3.0)) * distance**2 + 1.0
    far = (((distance - 5.0) * distance + 8.0) * distance - 4.0) * _CUBIC_A
    return torch.where(distance < 1.0, near, torch.where(distance < 2.0, far, 0.0))


@dataclass(frozen=True, slots=True)
class Places:
    """Where crops lie on the two axes of the source, across first, in its pixels.

    Attributes:
        start: Where the first output pixel begins, ``(2, N)``.
        step: Source pixels per output pixel, negative where the crop is read backwards, ``(2, N)``.
        first: First pixel that may have a say, ``(2, N)``.
        last: Last pixel that may have a say, ``(2, N)``.
    """

    start: NDArray[np.float64]
    step: NDArray[np.float64]
    first: NDArray[np.float64]
    last: NDArray[np.float64]


def place_crops(
    boxes: NDArray[np.float64],
    flip: NDArray[np.bool_],
    out_px: int,
    source_px: int,
    beyond: bool = False,
) -> Places:
    """Find where crops lie, in float64: in float32 the edge of a crop could change pixel.

    Args:
        boxes: Left, top, width, height as shares of the image, ``(N, 4)``.
        flip: Whether to flip left and right, ``(N,)``.
        out_px: Output pixels of each axis.
        source_px: Source pixels of each axis.
        beyond: Whether pixels outside the crop have a say too, as when the whole image is resized
            first and then cut.
    """
    low, span = boxes[:, :2].T * source_px, boxes[:, 2:].T * source_px  # (2, N)
    first, last = np.floor(low + _EDGE), np.ceil(low + span - _EDGE) - 1.0
    if beyond:
        first, last = np.zeros_like(low), np.full_like(low, source_px - 1.0)
    first = np.clip(first, 0.0, source_px - 1.0)
    backwards = np.stack([flip, np.zeros_like(flip)])
    return Places(
        start=np.where(backwards, low + span, low),
        step=np.where(backwards, -span, span) / out_px,
        first=first,
        last=np.clip(last, first, source_px - 1.0),
    )


def resample_taps(
    places: Places,
    out_px: int,
    source_px: int,
    interpolation: Interpolation,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Build what resizes both axes of crops.

    Args:
        places: Where the crops lie.
        out_px: Output pixels of each axis.
        source_px: Source pixels of each axis.
        interpolation: ``"bilinear"`` or ``"bicubic"``, widened when shrinking (antialiasing).
        device: Where the result is needed.

    Returns:
        For every output pixel the source pixels under its kernel, ``(2, N, out_px, T)`` int64, and
        their weights, which sum to 1, or are 0 outside the image, ``(2, N, out_px, T)``.
    """
    numbers = np.stack([places.start, places.step, places.first, places.last])[..., None, None]
    placed = torch.from_numpy(numbers.astype(np.float32)).to(device, non_blocking=True)
    start, step, first, last = placed.unbind()  # (2, N, 1, 1)
    reach = _REACH[interpolation]
    taps = math.ceil(2.0 * reach * max(1.0, float(np.abs(places.step).max(initial=0.0))))
    width = step.abs().clamp_min_(1.0)
    out = torch.arange(out_px, device=device, dtype=torch.float32)[:, None]
    centre = (out + 0.5) * step + start  # (2, N, out, 1)
    pixel = (centre - width * reach + 0.5).floor_() + torch.arange(taps, device=device)
    distance = ((pixel + 0.5 - centre) / width).abs_()  # (2, N, out, T)
    weights = _triangle(distance) if interpolation == "bilinear" else _cubic(distance)
    weights *= (pixel >= first) & (pixel <= last)
    # One after the other, so that the widest kernel of a batch does not change how all are rounded.
    weights /= weights.cumsum(dim=-1)[..., -1:]
    weights.masked_fill_((centre < 0.0) | (centre >= source_px), 0.0)
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
        beyond: Whether pixels outside the crop have a say, see ``place_crops``; output pixels
            outside the image are black.

    Returns:
        Pixels, ``(N, 3, out_px, out_px)``, in memory ``(3, N, out_px, out_px)``; bicubic may
        overshoot [0, 1] and is clamped.
    """
    count, source_px, device = len(boxes), images.shape[-1], images.device
    places = place_crops(boxes, flip, out_px, source_px, beyond)
    (column, row), (column_weights, row_weights) = resample_taps(
        places, out_px, source_px, interpolation, device
    )
    image = np.arange(count) if image is None else image
    column += torch.from_numpy(image * source_px).to(device, non_blocking=True)[:, None, None]
    table = images.permute(0, 3, 1, 2).reshape(-1, 3 * source_px)  # a row is a column of pixels
    result = torch.empty(3, count, out_px, out_px, device=device)
    for part in parts(count, out_px * table.shape[1], device):
        narrow = weighted_rows(table, column[part], column_weights[part])
        narrow = narrow.view(-1, out_px, 3, source_px).transpose(1, 3).reshape(-1, 3 * out_px)
        first_row = torch.arange(0, len(narrow), source_px, device=device)[:, None, None]
        square = weighted_rows(narrow, row[part] + first_row, row_weights[part])
        result[:, part] = square.view(-1, out_px, 3, out_px).permute(2, 0, 1, 3)
    pixels = result.transpose(0, 1)
    return pixels.clamp_(0.0, 1.0) if interpolation == "bicubic" else pixels
