"""The story of ``edgessl eval`` for a detector: average precision on images with boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgessl.dense.boxes.boxed import BoxedImage, BoxSet
from edgessl.dense.boxes.load import load_boxes
from edgessl.dense.detection.score import score
from edgessl.dense.originals import pixels_of
from edgessl.errors import UserError
from edgessl.pipeline.dense.detect_predict import open_box_predictor

PROTOCOL = "ap50"


def evaluate_detector(
    model: Path, data: str, *, trust: bool = False, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Score a detector's checkpoint or file on the ``test`` of images with boxes.

    Args:
        model: ``ckpt.pt``, or a file that ``edgessl export`` wrote of it.
        data: A folder in the layout of PASCAL VOC, COCO or YOLO.
        trust: Whether to open a ``.torchscript`` file that no manifest lists.
        say: Called with the name of each step.

    Returns:
        Plain values: ``model``, ``protocol``, and what ``report.json`` has of a detector's scores.

    Raises:
        UserError: Something does not exist or does not fit.
    """
    predictor = open_box_predictor(model, trust=trust)
    say("reading the images")
    boxes = load_boxes(data)
    images = named_as(boxes, predictor.classes, boxes.test)
    say(f"finding boxes in {len(images)} test images")
    pixels = pixels_of(images, predictor.square)
    found = [predictor.find(one[None]) for one in pixels]
    facts = score(found, images, predictor.classes).facts
    return {"model": str(model), "protocol": PROTOCOL, "data": boxes.source, **facts}


def named_as(
    boxes: BoxSet, classes: Sequence[str], images: Sequence[BoxedImage]
) -> tuple[BoxedImage, ...]:
    """Number the objects of a set by another list of classes, by name.

    Raises:
        UserError: A class is not in the list.
    """
    unknown = [name for name in boxes.classes if name not in classes]
    if unknown:
        raise UserError(
            f"{boxes.source}: must have classes the detector knows ({', '.join(classes)}), got "
            f"unknown ones: {', '.join(unknown[:5])}; pass the data it was trained for"
        )
    number = np.array([list(classes).index(name) for name in boxes.classes], np.int64)
    return tuple(replace(one, labels=number[one.labels]) for one in images)
