"""Default boxes of a detector, and the way from offsets to boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

OFFSET_SCALES = (10.0, 10.0, 5.0, 5.0)
"""What offsets of centre and size are multiplied by, so that all have a like spread: SSD's."""
MOST_GROWTH = math.log(1000.0 / 16.0)
"""Of a box, in the logarithm: torchvision's, which keeps exp() finite."""


def anchors_of(
    strides: Sequence[int], *, input_px: int, base: float, octaves: Sequence[float],
    ratios: Sequence[float],
) -> Tensor:
    """Lay out the default boxes of all levels, in the order of a detector's outputs.

    Args:
        strides: Of each level in pixels.
        input_px: Side S of the images.
        base: Side of a level's smallest box, in strides.
        octaves: Factors of that side.
        ratios: Width to height.

    Returns:
        Centre and size as shares of the image, ``(A, 4)``; row by row, cell by cell, octave by
        octave, ratio by ratio.
    """
    return torch.cat(
        [_level(stride, input_px, base, octaves, ratios) for stride in strides]
    )


def _level(
    stride: int, input_px: int, base: float, octaves: Sequence[float], ratios: Sequence[float]
) -> Tensor:
    cells = math.ceil(input_px / stride)
    centres = (torch.arange(cells, dtype=torch.float32, device="cpu") + 0.5) / cells
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    sides = torch.tensor(
        [
            (base * stride * octave * math.sqrt(ratio) / input_px,
             base * stride * octave / math.sqrt(ratio) / input_px)
            for octave in octaves for ratio in ratios
        ],
        device="cpu",
    )  # (n, 2)  # fmt: skip
    places = torch.stack([x, y], dim=-1).reshape(-1, 1, 2).expand(-1, len(sides), 2)
    return torch.cat([places, sides.expand(len(places), -1, 2)], dim=-1).reshape(-1, 4)


def corners_of(boxes: Tensor) -> Tensor:
    """Turn centre and size into left, top, right, bottom, ``(..., 4)``."""
    centre, size = boxes[..., :2], boxes[..., 2:]
    return torch.cat([centre - size / 2, centre + size / 2], dim=-1)


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Express boxes by the anchors they belong to.

    Args:
        boxes: Corners, ``(N, 4)``.
        anchors: Centre and size, ``(N, 4)``.

    Returns:
        Offsets, ``(N, 4)``.

    Source:
        Girshick et al. 2014, arXiv:1311.2524, appendix C; scales: Liu et al. 2016 (SSD).
    """
    size = (boxes[:, 2:] - boxes[:, :2]).clamp_min(1e-6)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    shift = (centre - anchors[:, :2]) / anchors[:, 2:]
    growth = torch.log(size / anchors[:, 2:])
    return torch.cat([shift, growth], dim=1) * anchors.new_tensor(OFFSET_SCALES)


def decode(offsets: Tensor, anchors: Tensor) -> Tensor:
    """Undo ``encode``, and cut at the edges of the image.

    Args:
        offsets: ``(B, A, 4)``.
        anchors: Centre and size, ``(A, 4)``.

    Returns:
        Corners as shares of the image, in [0, 1], ``(B, A, 4)``.
    """
    shift = offsets[..., :2] / OFFSET_SCALES[0]
    growth = (offsets[..., 2:] / OFFSET_SCALES[2]).clamp(max=MOST_GROWTH)
    centre = anchors[:, :2] + shift * anchors[:, 2:]
    size = anchors[:, 2:] * torch.exp(growth)
    return torch.cat([centre - size / 2, centre + size / 2], dim=-1).clamp(0.0, 1.0)
