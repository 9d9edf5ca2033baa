"""SSD's loss: which default box learns which object, and what it costs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, smooth_l1_loss
from torchvision.ops import box_iou

from edgessl.dense.detection.anchors import encode

BACKGROUND, IGNORED = 0, -1


def at_least_one(count: Tensor) -> Tensor:
    """Return a count that can be divided by."""
    return count.clamp_min(1)


def match(anchors: Tensor, boxes: Tensor, labels: Tensor, ignored: Tensor, iou: float) -> Tensor:
    """Give every default box the object it learns, for one image.

    A box learns the object it overlaps most, from ``iou`` on; every object has the box that
    overlaps it most, whatever the overlap. Boxes on an ignored object learn nothing.

    Args:
        anchors: Corners, ``(A, 4)``.
        boxes: Corners, ``(N, 4)``.
        labels: Classes from 0, ``(N,)``.
        ignored: Objects that nothing is learned of, ``(N,)``.
        iou: The overlap from which a box learns.

    Returns:
        For each default box the place of its object, -1 for background, -2 for nothing, ``(A,)``.

    Source:
        Liu et al. 2016 (SSD), arXiv:1512.02325, section 2.2.
    """
    place = torch.full((len(anchors),), -1, dtype=torch.int64, device=anchors.device)
    if not len(boxes):
        return place
    overlap = box_iou(boxes, anchors)  # (N, A)
    best, which = overlap.max(dim=0)
    place = torch.where(best >= iou, which, place)
    place = torch.where((best >= iou) & ignored[which], -2, place)
    real = (~ignored).nonzero()[:, 0]
    place[overlap[real].argmax(dim=1)] = real
    return place


def ssd_loss(
    logits: Tensor,
    offsets: Tensor,
    anchors: Tensor,
    corners: Tensor,
    boxes: Tensor,
    labels: Tensor,
    *,
    iou: float,
    negatives: float,
    normaliser: Callable[[Tensor], Tensor] = at_least_one,
) -> tuple[Tensor, Tensor]:
    """Compute SSD's two losses over a batch.

    Args:
        logits: ``(B, A, K + 1)``, background first.
        offsets: ``(B, A, 4)``.
        anchors: Centre and size, ``(A, 4)``.
        corners: The same as corners, ``(A, 4)``.
        boxes: Corners of objects, ``(B, N, 4)``.
        labels: Their classes from 0; -1 where there is no object, -2 - class where it is ignored,
            ``(B, N)``.
        iou: Overlap from which a default box learns an object.
        negatives: Background boxes learned for each that is matched.
        normaliser: Turns a count of this batch into that which sums are divided by.

    Returns:
        Cross-entropy over matched boxes and the hardest of background, and the smooth L1 of
        offsets over matched boxes; sums over the number of matched boxes.
    """
    kinds = torch.zeros(logits.shape[:2], dtype=torch.int64, device=logits.device)
    wanted, given = [], []
    for image in range(len(logits)):
        there = (labels[image] != -1).nonzero()[:, 0]
        own, kind = boxes[image, there], labels[image, there]
        place = match(corners, own, kind, kind < -1, iou)
        hit = (place >= 0).nonzero()[:, 0]
        kinds[image, hit] = kind[place[hit]] + 1
        kinds[image, place == -2] = IGNORED
        wanted.append(encode(own[place[hit]], anchors[hit]))
        given.append(offsets[image, hit])
    cost = cross_entropy(
        logits.flatten(0, 1), kinds.flatten(), reduction="none", ignore_index=IGNORED
    ).view_as(kinds)
    positive = kinds > 0
    matched = normaliser(positive.sum())
    hard = cost.detach().masked_fill(kinds != BACKGROUND, -1.0)
    order = hard.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    # An image without objects still learns what background is.
    count = (negatives * positive.sum(dim=1, keepdim=True)).clamp_min(negatives)
    chosen = positive | ((order < count) & (kinds == BACKGROUND))
    boxes_cost = smooth_l1_loss(torch.cat(given), torch.cat(wanted), reduction="sum")
    return (cost * chosen).sum() / matched, boxes_cost / matched
