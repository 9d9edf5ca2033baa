"""COCO's average precisions, as its own tools compute them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from edgessl.dense.boxes.boxed import BoxedImage
from edgessl.dense.detection.found import Found

MAX_BOXES = 100
"""Boxes of an image that count."""
NAMES = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
SMALL_PX, LARGE_PX = 32, 96
"""Sides of the squares that small objects are smaller, and large ones larger than."""


def coco_ap(
    found: Sequence[Found], images: Sequence[BoxedImage], classes: Sequence[str]
) -> dict[str, float]:
    """Compute COCO's figures over boxes.

    Args:
        found: What a detector told of each image.
        images: The same images with their objects; difficult ones are crowds.
        classes: Class names in label order.

    Returns:
        ``ap`` over overlaps from 0.5 to 0.95, ``ap50``, ``ap75``, and ``ap`` by size of objects,
        in percent; NaN where there is no such object.

    Source:
        Lin et al. 2014, arXiv:1405.0312; pycocotools.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = _truth(images, classes)
        truth.createIndex()
        rows = _rows(found, images)
        if not rows:
            return dict.fromkeys(NAMES, 0.0)
        evaluation = COCOeval(truth, truth.loadRes(rows), "bbox")
        evaluation.params.maxDets = [1, 10, MAX_BOXES]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    figures = [float(value) for value in evaluation.stats[: len(NAMES)]]
    # Its tools say -1 where there is no object.
    return {name: 100 * value if value >= 0 else float("nan")
            for name, value in zip(NAMES, figures, strict=True)}  # fmt: skip


def _truth(images: Sequence[BoxedImage], classes: Sequence[str]) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for place, image in enumerate(images):
        for box, label, crowd in zip(image.boxes, image.labels, image.difficult, strict=True):
            left, top, right, bottom = map(float, box)
            width, height = right - left, bottom - top
            rows.append({
                "id": len(rows) + 1, "image_id": place, "category_id": int(label),
                "bbox": [left, top, width, height], "area": width * height,
                "iscrowd": int(crowd), "ignore": int(crowd),
            })  # fmt: skip
    return {
        "info": {},
        "images": [
            {"id": place, "width": image.width, "height": image.height}
            for place, image in enumerate(images)
        ],
        "categories": [{"id": label, "name": name} for label, name in enumerate(classes)],
        "annotations": rows,
    }


def _rows(found: Sequence[Found], images: Sequence[BoxedImage]) -> list[dict[str, Any]]:
    rows = []
    for place, (told, image) in enumerate(zip(found, images, strict=True)):
        sides = np.array([image.width, image.height] * 2, np.float64)
        best = told.surest(MAX_BOXES)
        for box, score, label in zip(
            best.boxes.astype(np.float64) * sides, best.scores, best.labels, strict=True
        ):
            left, top, right, bottom = box.tolist()
            rows.append({
                "image_id": place, "category_id": int(label), "score": float(score),
                "bbox": [left, top, right - left, bottom - top],
            })  # fmt: skip
    return rows
