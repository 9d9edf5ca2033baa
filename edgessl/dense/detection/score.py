"""How well a detector finds the objects of a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from edgessl.dense.boxes.boxed import BoxedImage
from edgessl.dense.detection.coco_ap import LARGE_PX, SMALL_PX, coco_ap
from edgessl.dense.detection.found import Found
from edgessl.dense.detection.voc_ap import (
    RIGHT,
    Matches,
    average_precision,
    interval,
    match_class,
    mean_ap,
    overlaps,
    resampled,
)
from edgessl.metrics.interval import Score

SHOWN_SCORE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Figures of a detector on a split.

    Attributes:
        matches: What became of the boxes of each class.
        facts: ``ap50`` as a score with its interval, and all others in percent, as plain values.
    """

    matches: tuple[Matches, ...]
    facts: dict[str, Any]


def score(
    found: Sequence[Found], images: Sequence[BoxedImage], classes: Sequence[str]
) -> Scored:
    """Compute VOC's and COCO's average precisions, by class and by size.

    Args:
        found: What a detector told of each image.
        images: The same images with their objects.
        classes: Class names in label order.
    """
    matches = tuple(match_class(found, images, label) for label in range(len(classes)))
    low, high = interval(resampled(matches))
    ap50 = Score(100 * mean_ap(matches), 100 * low, 100 * high, len(images))
    rows = [
        {
            "name": name, "objects": int(one.objects.sum()),
            "ap50": _percent(average_precision(one)),
            "ap50_11_points": _percent(average_precision(one, "11 points")),
            **_at_shown_score(one),
        }
        for name, one in zip(classes, matches, strict=True)
    ]  # fmt: skip
    coco = coco_ap(found, images, classes)
    return Scored(matches, {
        "scores": {"ap50": ap50.to_dict()},
        "voc": {"ap50_area": 100 * mean_ap(matches),
                "ap50_11_points": 100 * mean_ap(matches, "11 points")},
        "coco": {name: value if isfinite(value) else None for name, value in coco.items()},
        "classes": rows,
        "sizes": _recall_by_size(found, images),
        "box_confusion": box_confusion(found, images, len(classes)),
    })  # fmt: skip


def box_confusion(
    found: Sequence[Found], images: Sequence[BoxedImage], classes: int
) -> list[list[int]]:
    """Count which class the shown box over each object has, whatever the object's own class.

    The surest box chooses first, the object that it overlaps most and that no other has.

    Args:
        found: What a detector told of each image.
        images: The same images with their objects; difficult ones do not count.
        classes: ``K``.

    Returns:
        ``(K + 1, K + 1)``: rows are true classes, then boxes on no object; columns told classes,
        then objects without a box.
    """
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    for told, image in zip(found, images, strict=True):
        shown = told.scores >= SHOWN_SCORE
        overlap = overlaps(told.boxes[shown], image.shares)
        free = np.ones(len(image.labels), bool)
        for shares, label in zip(overlap, told.labels[shown].tolist(), strict=True):
            near = np.where(free & (shares >= 0.5), shares, 0.0)
            if not near.any():
                counts[classes, label] += not (shares >= 0.5)[image.difficult].any()
                continue
            best = int(near.argmax())
            free[best] = False
            if not image.difficult[best]:
                counts[image.labels[best], label] += 1
        missed = image.labels[free & ~image.difficult]
        counts[:classes, classes] += np.bincount(missed, minlength=classes)
    rows: list[list[int]] = counts.tolist()
    return rows


def _percent(share: float) -> float | None:
    return 100 * share if isfinite(share) else None


def _at_shown_score(matches: Matches) -> dict[str, float | None]:
    """Return precision and recall of the boxes that are shown."""
    shown = (matches.scores >= SHOWN_SCORE) & (matches.outcome >= 0)
    right = int((matches.outcome[shown] == RIGHT).sum())
    objects = int(matches.objects.sum())
    return {
        "precision": 100 * right / int(shown.sum()) if shown.any() else None,
        "recall": 100 * right / objects if objects else None,
    }


def _recall_by_size(
    found: Sequence[Found], images: Sequence[BoxedImage]
) -> list[dict[str, Any]]:
    """Return how many objects of each size are found by a shown box of their class."""
    counts = {"small": [0, 0], "medium": [0, 0], "large": [0, 0]}
    for told, image in zip(found, images, strict=True):
        shown = told.scores >= SHOWN_SCORE
        overlap = overlaps(image.shares, told.boxes[shown])
        same = image.labels[:, None] == told.labels[shown][None]
        hit = ((overlap >= 0.5) & same).any(axis=1)
        sides = np.sqrt((image.boxes[:, 2:] - image.boxes[:, :2]).prod(axis=1))
        for side, ok, difficult in zip(sides, hit, image.difficult, strict=True):
            if difficult:
                continue
            name = "small" if side < SMALL_PX else "large" if side > LARGE_PX else "medium"
            counts[name][0] += 1
            counts[name][1] += bool(ok)
    words = {"small": f"under {SMALL_PX} px", "medium": f"{SMALL_PX} to {LARGE_PX} px",
             "large": f"over {LARGE_PX} px"}  # fmt: skip
    return [
        {"name": f"{name} ({words[name]})", "objects": objects,
         "recall": 100 * right / objects if objects else None}
        for name, (objects, right) in counts.items()
    ]  # fmt: skip
