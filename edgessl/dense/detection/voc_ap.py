"""Average precision as PASCAL VOC computes it, by both of its rules, with intervals.

Source:
    Everingham et al. 2010, doi:10.1007/s11263-009-0275-4, section 4.2; 11 points: VOC2007, the area
    under the curve: from VOC2010 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgessl.dense.boxes.boxed import BoxedImage
from edgessl.dense.detection.found import Found

Rule = Literal["area", "11 points"]
RIGHT, WRONG, IGNORED = 1, 0, -1


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What became of the boxes of one class, the surest first.

    Attributes:
        scores: ``(D,)``.
        image: Place of each one's image, ``(D,)``.
        outcome: ``RIGHT``, ``WRONG``, or ``IGNORED`` for those on difficult objects, ``(D,)``.
        objects: Objects of the class in each image, difficult ones apart, ``(I,)``.
    """

    scores: NDArray[np.float32]
    image: NDArray[np.int64]
    outcome: NDArray[np.int64]
    objects: NDArray[np.int64]


def match_class(
    found: Sequence[Found], images: Sequence[BoxedImage], label: int, iou: float = 0.5
) -> Matches:
    """Compare the boxes of one class with the objects of the same images.

    A box belongs to the object that it overlaps most; each object is found once, by the surest.

    Args:
        found: What a detector told of each image.
        images: The same images with their objects.
        label: The class.
        iou: Overlap from which a box is right.
    """
    scores, image, outcome, objects = [], [], [], []
    for place, (told, truth) in enumerate(zip(found, images, strict=True)):
        own, there = told.labels == label, truth.labels == label
        scores.append(told.scores[own])
        image.append(np.full(int(own.sum()), place, np.int64))
        outcome.append(
            _judge(told.boxes[own], truth.shares[there], truth, truth.difficult[there], iou)
        )
        objects.append(int((there & ~truth.difficult).sum()))
    flat = np.concatenate(scores)
    order = np.argsort(-flat, kind="stable")
    return Matches(
        flat[order], np.concatenate(image)[order], np.concatenate(outcome)[order],
        np.array(objects, np.int64),
    )  # fmt: skip


def _judge(
    boxes: NDArray[np.float32], objects: NDArray[np.float32], truth: BoxedImage,
    difficult: NDArray[np.bool_], iou: float,
) -> NDArray[np.int64]:
    """Return the outcome of the boxes of one image, the surest first."""
    outcome = np.full(len(boxes), WRONG, np.int64)
    if not len(objects):
        return outcome
    overlap = overlaps(boxes, objects)
    best = overlap.argmax(axis=1) if len(boxes) else np.zeros(0, np.int64)
    taken = np.zeros(len(objects), bool)
    for i, j in enumerate(best.tolist()):
        if overlap[i, j] < iou:
            continue
        if difficult[j]:
            outcome[i] = IGNORED
        elif not taken[j]:
            taken[j], outcome[i] = True, RIGHT
    return outcome


def overlaps(boxes: NDArray[np.float32], objects: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the share of the union that every two boxes have in common, ``(N, M)``."""
    one, other = boxes.astype(np.float64)[:, None], objects.astype(np.float64)[None]
    size = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    common = size.clip(0.0).prod(axis=-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(axis=-1) for box in (one, other)]
    union = areas[0] + areas[1] - common
    shares: NDArray[np.float64] = common / np.maximum(union, 1e-12)
    return shares


def average_precision(
    matches: Matches, rule: Rule = "area", weights: NDArray[np.float64] | None = None
) -> float:
    """Compute the average precision of one class.

    Args:
        matches: What became of its boxes.
        rule: ``"area"`` under the curve, or the mean at ``"11 points"`` of recall.
        weights: How often each image counts, ``(I,)``; None for once.

    Returns:
        In [0, 1]; NaN without any object.
    """
    counts = np.ones(len(matches.objects)) if weights is None else weights
    objects = float((matches.objects * counts).sum())
    if not objects:
        return float("nan")
    weight = counts[matches.image]
    right = np.cumsum(weight * (matches.outcome == RIGHT))
    wrong = np.cumsum(weight * (matches.outcome == WRONG))
    recall, precision = right / objects, right / np.maximum(right + wrong, 1e-12)
    best = np.maximum.accumulate(precision[::-1])[::-1]  # at this recall or any higher one
    if rule == "area":
        return float((np.diff(recall, prepend=0.0) * best).sum())
    points = np.linspace(0.0, 1.0, 11)
    place = np.searchsorted(recall, points - 1e-12)
    return float(np.append(best, 0.0)[np.minimum(place, len(best))].mean())


def mean_ap(
    matches: Sequence[Matches], rule: Rule = "area", weights: NDArray[np.float64] | None = None
) -> float:
    """Return the mean over the classes that have objects, in [0, 1]."""
    found = [average_precision(one, rule, weights) for one in matches]
    present = [one for one in found if one == one]
    return float(np.mean(present)) if present else 0.0


RESAMPLES = 400


def resampled(
    matches: Sequence[Matches], seed: int = 0, resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """Return the mean AP over images drawn with replacement, ``(resamples,)``.

    The same seed draws the same images, so that the values of two detectors are pairs.

    Args:
        matches: Of every class.
        seed: Of the draws.
        resamples: How many.

    Source:
        Efron 1979, doi:10.1214/aos/1176344552.
    """
    count = len(matches[0].objects)
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(count, np.full(count, 1.0 / count), size=resamples)
    return np.array([mean_ap(matches, "area", one.astype(np.float64)) for one in draws])


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of the middle 95 %."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
