"""Average precision written from the texts, a box and an image at a time."""

from __future__ import annotations

from collections.abc import Sequence

Box = tuple[float, float, float, float]
Told = tuple[int, float, Box]
"""Image, score, corners."""
Truth = tuple[int, Box, bool]
"""Image, corners, difficult."""


def overlap(one: Box, other: Box) -> float:
    """Return the share of the union that two boxes have in common."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return common / (areas[0] + areas[1] - common)


def voc_curve(told: Sequence[Told], truth: Sequence[Truth]) -> tuple[list[float], list[float]]:
    """Return recall and precision behind every box that counts, as VOC's VOCevaldet does."""
    objects = sum(not difficult for _, _, difficult in truth)
    taken: set[int] = set()
    right = wrong = 0
    recall, precision = [], []
    for image, _, box in sorted(told, key=lambda one: -one[1]):
        best, which = -1.0, -1
        for number, (where, other, _) in enumerate(truth):
            if where == image and overlap(box, other) > best:
                best, which = overlap(box, other), number
        if best >= 0.5 and truth[which][2]:
            continue
        if best >= 0.5 and which not in taken:
            taken.add(which)
            right += 1
        else:
            wrong += 1
        recall.append(right / objects)
        precision.append(right / (right + wrong))
    return recall, precision


def area_under(recall: Sequence[float], precision: Sequence[float]) -> float:
    """Return VOC2010's area under the curve, its precision made to fall."""
    total, before = 0.0, 0.0
    for i, here in enumerate(recall):
        total += (here - before) * max(precision[i:])
        before = here
    return total


def at_points(
    recall: Sequence[float], precision: Sequence[float], points: Sequence[float]
) -> float:
    """Return the mean over points of recall of the best precision from there on."""
    total = 0.0
    for point in points:
        there = [p for r, p in zip(recall, precision, strict=True) if r >= point]
        total += max(there, default=0.0)
    return total / len(points)
