"""RandAugment and cutout of a batch: every sample has operations and amounts of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgessl.recipe.view_tables import RandAugment
from edgessl.rng import DrawKey, uniforms_of_operations
from edgessl.views import geometry, levels
from edgessl.views.operations import Operation
from edgessl.views.parts import parts

Change = Callable[[Tensor, Tensor], Tensor]

CHANGES: tuple[tuple[Change | None, float, bool], ...] = (
    (None, 0.0, False),
    (geometry.shear_across, 0.3, True),
    (geometry.shear_down, 0.3, True),
    (geometry.shift_across, 150.0 / 331.0, True),
    (geometry.shift_down, 150.0 / 331.0, True),
    (geometry.rotate, 30.0, True),
    (levels.brightness, 0.9, True),
    (levels.saturation, 0.9, True),
    (levels.contrast, 0.9, True),
    (levels.sharpness, 0.9, True),
    (levels.posterize, 4.0, False),
    (levels.solarize, 255.0, False),
    (levels.auto_contrast, 0.0, False),
    (levels.equalize, 0.0, False),
)
"""The operations, the greatest amount of each, and whether it goes in both directions.

Recipes give the same views for ever, so their order never changes. The first one does nothing.
"""

_GREY = 0.5


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What is done to ``N`` samples.

    Attributes:
        change: Which of ``CHANGES`` come one after the other, ``(N, T)``.
        amount: How much of each, ``(N, T)``.
        box: Left, top, right and bottom of what is cut out, as shares of the side, ``(N, 4)``.
    """

    change: NDArray[np.int64]
    amount: NDArray[np.float64]
    box: NDArray[np.float64]


def draw_augmentation(
    table: RandAugment, views: NDArray[np.int64], ids: NDArray[np.int64], key: DrawKey
) -> Augmentation:
    """Draw operations, amounts and cutouts, view by view.

    Args:
        table: How many operations, how strong, and how much is cut out.
        views: View numbers, ``(V,)``.
        ids: Sample ids, ``(B,)``.
        key: Seed, stage and epoch.

    Returns:
        Of ``V * B`` samples.

    Source:
        Cubuk et al. 2020, arXiv:1909.13719, in the form of FixMatch, arXiv:2001.07685, appendix D:
        amounts are uniform up to the greatest, and a square is cut out at the end.
    """
    drawn, cut = uniforms_of_operations(
        key, ids, views, {Operation.AUGMENT: 3 * table.operations, Operation.CUTOUT: 3}
    )
    drawn = drawn.swapaxes(0, 1).reshape(len(ids) * len(views), table.operations, 3)
    cut = cut.swapaxes(0, 1).reshape(len(ids) * len(views), 3)
    change = np.floor(drawn[..., 0] * len(CHANGES)).astype(np.int64)
    greatest = np.array([most for _, most, _ in CHANGES])[change]
    signed = np.array([both for _, _, both in CHANGES])[change]
    sign = np.where(signed & (drawn[..., 2] < 0.5), -1.0, 1.0)
    half = 0.5 * table.cutout * cut[:, :1]
    centre = cut[:, 1:]
    box = np.concatenate([centre - half, centre + half], axis=1)
    return Augmentation(change, sign * greatest * table.strength * drawn[..., 1], box)


def augment(pixels: Tensor, drawn: Augmentation) -> Tensor:
    """Do to each sample what was drawn for it.

    Args:
        pixels: In [0, 1], ``(N, 3, H, H)``; changed in place.
        drawn: Of as many samples.

    Returns:
        The same pixels.
    """
    for turn in range(drawn.change.shape[1]):
        for number, (change, _, _) in enumerate(CHANGES):
            chosen = np.flatnonzero(drawn.change[:, turn] == number)
            if change is None or not len(chosen):
                continue
            for part in parts(len(chosen), pixels[0].numel(), pixels.device):
                rows = torch.from_numpy(chosen[part]).to(pixels.device, non_blocking=True)
                amount = torch.from_numpy(drawn.amount[chosen[part], turn].astype(np.float32))
                found = pixels.index_select(0, rows).contiguous()
                amount = amount.to(pixels.device, non_blocking=True)
                pixels.index_copy_(0, rows, change(found, amount))
    return cut_out(pixels, drawn.box)


def cut_out(pixels: Tensor, box: NDArray[np.float64]) -> Tensor:
    """Fill a box of each image with grey, in place.

    Args:
        pixels: ``(N, 3, H, H)``.
        box: Left, top, right, bottom as shares of the side, which it may reach beyond, ``(N, 4)``.
    """
    side, device = pixels.shape[-1], pixels.device
    edges = torch.from_numpy(np.rint(box * side)).to(device, non_blocking=True)
    left, top, right, bottom = (edge[:, None] for edge in edges.unbind(dim=1))
    place = torch.arange(side, device=device)
    across = (place >= left) & (place < right)
    down = (place >= top) & (place < bottom)
    return pixels.masked_fill_((down[:, :, None] & across[:, None, :])[:, None], _GREY)
