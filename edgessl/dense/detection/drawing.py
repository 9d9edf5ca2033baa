"""How boxes are shown: over images, on the page, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from edgessl.dense.boxes.boxed import BoxedImage
from edgessl.dense.detection.found import Found
from edgessl.dense.detection.score import SHOWN_SCORE
from edgessl.dense.detection.suppressed_graph import FULL
from edgessl.dense.draw import COLOURS, draw_boxes
from edgessl.dense.task import Drawing


def _drawn(image: Image.Image, found: Found, classes: Sequence[str]) -> Image.Image:
    return draw_boxes(image, found, classes, min_score=SHOWN_SCORE)


def _truth(image: Image.Image, truth: BoxedImage, classes: Sequence[str]) -> Image.Image:
    there = Found(truth.shares, np.ones(len(truth.labels), np.float32), truth.labels)
    return draw_boxes(image, there, classes, min_score=0, with_scores=False)


def _told(found: Found, size: tuple[int, int], classes: Sequence[str]) -> dict[str, Any]:
    sides = np.array(size * 2, np.float32)
    return {"boxes": [
        {"name": classes[int(label)], "score": float(score),
         "box": [round(float(one), 1) for one in box * sides]}
        for box, score, label in zip(found.boxes, found.scores, found.labels, strict=True)
        if score >= SHOWN_SCORE
    ]}  # fmt: skip


def _facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    coco, voc = document["coco"], document["voc"]

    def percents(*values: float | None) -> str:
        return ", ".join("no such object" if one is None else f"{one:.1f} %" for one in values)

    return [
        ("COCO AP, AP50, AP75", percents(*(coco[key] for key in ("ap", "ap50", "ap75")))),
        ("COCO AP small, medium, large",
         percents(*(coco[f"ap_{key}"] for key in ("small", "medium", "large")))),
        ("VOC AP50, area and 11 points", percents(voc["ap50_area"], voc["ap50_11_points"])),
        ("default boxes", str(document["model"]["default_boxes"])),
    ]  # fmt: skip


def _values(document: Mapping[str, Any]) -> dict[str, Any]:
    classes = document["data"]["classes"]
    return {
        "shown_percent": 100 * SHOWN_SCORE,
        "colours": {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(classes)},
    }


DRAWING = Drawing(
    FULL, _drawn, _truth, _told, "detector.html.j2", 8, "Boxes on test images",
    "What it found, left, beside what was annotated, right. The images are spread evenly over "
    "the test list.",
    _facts, _values,
)  # fmt: skip
