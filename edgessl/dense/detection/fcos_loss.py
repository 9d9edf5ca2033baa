"""FCOS's loss: which cell learns which object, and what it costs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot
from torchvision.ops import generalized_box_iou_loss, sigmoid_focal_loss

from edgessl.dense.detection.loss import at_least_one

BACKGROUND, NOTHING = -1, -2


def assign(
    points: Tensor, steps: Tensor, boxes: Tensor, kinds: Tensor, *, reach: float, radius: float
) -> Tensor:
    """Give every cell the object it learns, for one image.

    A cell learns an object if it lies in its box, near its centre, and the box's farthest side is
    within the reach of the cell's level and beyond that of the level before; of several the
    smallest. Cells in an ignored object learn nothing.

    Args:
        points: Centres of the cells in px, ``(A, 2)``.
        steps: Stride of each cell, ``(A,)``.
        boxes: Corners in px, ``(N, 4)``.
        kinds: Classes from 0; -1 where there is no object, -2 - class where it is ignored,
            ``(N,)``.
        reach: Strides to the farthest side of the largest boxes of a level; the last has all.
        radius: Strides around the centre of a box in which cells learn it.

    Returns:
        For each cell the place of its object, or ``BACKGROUND``, or ``NOTHING``, ``(A,)``.

    Source:
        Tian et al. 2019, arXiv:1904.01355, section 3.2; centre sampling: its journal version,
        arXiv:2006.09214.
    """
    away = torch.stack([
        points[:, None, 0] - boxes[None, :, 0], points[:, None, 1] - boxes[None, :, 1],
        boxes[None, :, 2] - points[:, None, 0], boxes[None, :, 3] - points[:, None, 1],
    ], dim=-1)  # (A, N, 4)  # fmt: skip
    inside = away.amin(dim=-1) > 0
    farthest = away.amax(dim=-1) / steps[:, None]
    last, first = steps.max(), steps.min()
    fits = (farthest <= reach) | (steps == last)[:, None]
    fits &= (farthest > reach / 2) | (steps == first)[:, None]
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    near = (points[:, None] - centres[None]).abs().amax(dim=-1) < radius * steps[:, None]
    area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=-1)
    learnable = inside & fits & near & (kinds >= 0)
    cost = torch.where(learnable, area, torch.inf)  # (A, N)
    least, place = cost.min(dim=1)
    ignored = (inside & (kinds < -1)).any(dim=1)
    none = torch.where(ignored, NOTHING, BACKGROUND)
    return torch.where(least.isfinite(), place, none)


def middle_of(points: Tensor, boxes: Tensor) -> Tensor:
    """Return how near points are to the middle of their boxes: 1 there, 0 at a side.

    Args:
        points: ``(N, 2)``.
        boxes: Corners, ``(N, 4)``.

    Source:
        Tian et al. 2019, equation 3.
    """
    low, high = points - boxes[:, :2], boxes[:, 2:] - points
    ratios = torch.minimum(low, high) / torch.maximum(low, high).clamp_min(1e-6)
    return ratios.clamp(0.0, 1.0).prod(dim=1).sqrt()


def fcos_loss(
    logits: Tensor, corners: Tensor, middles: Tensor, points: Tensor, steps: Tensor,
    boxes: Tensor, kinds: Tensor, *, reach: float, radius: float,
    normaliser: Callable[[Tensor], Tensor] = at_least_one,
    weight_normaliser: Callable[[Tensor], Tensor] = lambda total: total,
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute FCOS's three losses over a batch.

    Args:
        logits: ``(B, A, K)``.
        corners: Predicted boxes in px, ``(B, A, 4)``.
        middles: Logits of lying in the middle, ``(B, A)``.
        points: Centres of the cells in px, ``(A, 2)``.
        steps: Stride of each cell, ``(A,)``.
        boxes: Corners of objects in px, ``(B, N, 4)``.
        kinds: As of ``assign``, ``(B, N)``.
        reach: As of ``assign``.
        radius: As of ``assign``.
        normaliser: Turns a count of this batch into that which sums are divided by.
        weight_normaliser: The same of a sum of weights.

    Returns:
        Focal loss over all cells, GIoU of those with an object, weighted by their middle, and the
        cross-entropy of the middle, each over the number of cells with an object.

    Source:
        Tian et al. 2019, equation 2; focal loss: Lin et al. 2017, arXiv:1708.02002.
    """
    place = torch.stack([
        assign(points, steps, own, labels, reach=reach, radius=radius)
        for own, labels in zip(boxes, kinds, strict=True)
    ])  # (B, A)  # fmt: skip
    learns, counted = place >= 0, place != NOTHING
    image, cell = learns.nonzero(as_tuple=True)
    chosen = place[image, cell]
    number = normaliser(learns.sum())
    target = torch.zeros_like(logits)
    target[image, cell] = one_hot(kinds[image, chosen], logits.shape[-1]).to(target.dtype)
    focal = sigmoid_focal_loss(logits, target, alpha=0.25, gamma=2.0)
    classes = (focal * counted[..., None]).sum() / number
    own = boxes[image, chosen]
    middle = middle_of(points[cell], own)
    giou = generalized_box_iou_loss(corners[image, cell], own)
    places = (giou * middle).sum() / weight_normaliser(middle.sum()).clamp_min(1e-6)
    told = binary_cross_entropy_with_logits(middles[image, cell], middle, reduction="sum")
    return classes, places, told / number
