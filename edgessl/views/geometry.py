"""Shear, shift and rotation of a batch, one amount a sample; what comes from outside is black."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample


def shear_across(pixels: Tensor, amount: Tensor) -> Tensor:
    """Slide rows sideways, by ``amount`` of their distance from the first one.

    Args:
        pixels: ``(N, 3, H, H)``.
        amount: Tangent of the angle, ``(N,)``.
    """
    one, nothing = torch.ones_like(amount), torch.zeros_like(amount)
    return _sampled(pixels, (one, amount, nothing), (nothing, one, nothing), corner=True)


def shear_down(pixels: Tensor, amount: Tensor) -> Tensor:
    """Slide columns up or down, by ``amount`` of their distance from the first one.

    Args:
        pixels: ``(N, 3, H, H)``.
        amount: Tangent of the angle, ``(N,)``.
    """
    one, nothing = torch.ones_like(amount), torch.zeros_like(amount)
    return _sampled(pixels, (one, nothing, nothing), (amount, one, nothing), corner=True)


def shift_across(pixels: Tensor, amount: Tensor) -> Tensor:
    """Shift to the right by a share of the side, cut to whole pixels.

    Args:
        pixels: ``(N, 3, H, H)``.
        amount: Share of the side, ``(N,)``; below 0 to the left.
    """
    one, nothing = torch.ones_like(amount), torch.zeros_like(amount)
    moved = -torch.trunc(amount * pixels.shape[-1])
    return _sampled(pixels, (one, nothing, moved), (nothing, one, nothing))


def shift_down(pixels: Tensor, amount: Tensor) -> Tensor:
    """Shift down by a share of the side, cut to whole pixels.

    Args:
        pixels: ``(N, 3, H, H)``.
        amount: Share of the side, ``(N,)``; below 0 up.
    """
    one, nothing = torch.ones_like(amount), torch.zeros_like(amount)
    moved = -torch.trunc(amount * pixels.shape[-1])
    return _sampled(pixels, (one, nothing, nothing), (nothing, one, moved))


def rotate(pixels: Tensor, amount: Tensor) -> Tensor:
    """Turn around the middle, counter-clockwise.

    Args:
        pixels: ``(N, 3, H, H)``.
        amount: Degrees, ``(N,)``.
    """
    angle, nothing = torch.deg2rad(amount), torch.zeros_like(amount)
    cos, sin = torch.cos(angle), torch.sin(angle)
    return _sampled(pixels, (cos, -sin, nothing), (sin, cos, nothing))


Row = tuple[Tensor, Tensor, Tensor]


def _sampled(pixels: Tensor, across: Row, down: Row, *, corner: bool = False) -> Tensor:
    """Read each output pixel where a linear map of its place says, between four pixels.

    Args:
        pixels: ``(N, 3, H, H)``.
        across: Source column as a combination of output column, output row and 1, each ``(N,)``.
        down: Source row likewise.
        corner: Whether places are counted from the top left corner, not from the middle.
    """
    side = pixels.shape[-1]
    place = torch.arange(side, device=pixels.device, dtype=torch.float32) + 0.5
    origin = 0.0 if corner else side / 2.0
    column, row = (place - origin)[None, None, :], (place - origin)[None, :, None]

    def source(terms: Row) -> Tensor:
        of_column, of_row, moved = (term[:, None, None] for term in terms)
        return of_column * column + of_row * row + moved + origin

    grid = torch.stack([source(across), source(down)], dim=-1) * (2.0 / side) - 1.0
    return grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
