"""Detection as a task: boxes with a class, judged by AP50."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from edgessl.backbones import Backbone
from edgessl.dense.boxes.boxed import BoxedImage, BoxSet
from edgessl.dense.boxes.load import load_boxes
from edgessl.dense.detection.deploy import Detector, detector_from, detector_payload, rule_of
from edgessl.dense.detection.found import Found, Suppression, suppress
from edgessl.dense.detection.gates import check_boxes
from edgessl.dense.detection.judged import JudgedBoxes, load_judged
from edgessl.dense.detection.method import Detection
from edgessl.dense.detection.network import Decoded, build_detector
from edgessl.dense.detection.sampler import BoxSampler
from edgessl.dense.detection.score import SHOWN_SCORE
from edgessl.dense.detection.suppressed_graph import (
    FULL,
    RAW,
    ROWS,
    found_of,
    joined,
    with_suppression,
)
from edgessl.dense.draw import COLOURS, draw_boxes
from edgessl.dense.images import SPLITS
from edgessl.dense.task import (
    Array,
    Data,
    Drawing,
    Files,
    Judging,
    Learner,
    Learning,
    Task,
    Variant,
)
from edgessl.errors import UserError
from edgessl.export.gates.gate import Gate
from edgessl.recipe.detector_table import TASK, DetectorRecipe
from edgessl.recipe.load_dense import load_detector
from edgessl.runs.stages import DETECT, DETECT_ARMS
from edgessl.train.place.context import Workplace

PLAIN_RULE = Suppression(0.5, 0.01, 100)
"""For a file that gives all its default boxes."""


def _described(boxes: BoxSet) -> str:
    counts = ", ".join(
        f"{len(boxes.split(name))} {name} ({sum(len(one.labels) for one in boxes.split(name))})"
        for name in SPLITS
    )
    return f"{boxes.name}: {counts} images (objects), {len(boxes.classes)} classes, {boxes.layout}."


def renumbered(
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


def _learner(
    backbone: Backbone, recipe: DetectorRecipe, boxes: BoxSet, place: Workplace, given: bool
) -> Learner:
    detector = build_detector(backbone, len(boxes.classes), recipe.detector, recipe.image.input_px)
    frozen = recipe.train.batchnorm == "frozen" and given
    rule = rule_of(recipe.detector)
    return Learner(
        Detection(detector, frozen_batchnorm=frozen),
        BoxSampler(boxes.train, recipe.image, recipe.train.augment, place.engine.memory_format),
        Decoded(detector), lambda output: suppress(output, rule),
        lambda provenance: detector_payload(
            detector, classes=boxes.classes, image=recipe.image, provenance=provenance
        ),
    )  # fmt: skip


def _judge(
    found: Iterable[Found], images: Sequence[BoxedImage], classes: Sequence[str]
) -> JudgedBoxes:
    return JudgedBoxes(list(found), images, classes)


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


def _read(head: str, output: Array, images: int) -> list[Found]:
    return found_of(output, images) if head == FULL else suppress(output, PLAIN_RULE)


def _variants(raw: Any, detector: Detector) -> list[Variant]:
    full = with_suppression(raw, len(detector.classes), detector.rule)
    return [
        Variant("model.onnx", FULL, "any runtime of ONNX: boxes without doubles", full, ROWS),
        Variant("model.raw.onnx", RAW, "runtimes without NonMaxSuppression: every default box",
                raw),
    ]  # fmt: skip


def _more_gates(checkpoint: Sequence[Found], file: Sequence[Found], free: bool) -> list[Gate]:
    return [check_boxes(checkpoint, file, free=free)]


def _about(detector: Detector) -> dict[str, Any]:
    return {
        FULL: "(found, 7): image, left, top, right, bottom as shares of width and height, "
        "score, class; the surest first",
        RAW: "(batch, boxes, 4 + classes): corners as shares, then a score a class",
        "nms_iou": detector.rule.nms_iou, "min_score": detector.rule.min_score,
        "max_boxes_of_a_class": detector.rule.max_boxes,
    }  # fmt: skip


DETECTION = Task(
    TASK, "detector", DETECT, DETECT_ARMS,
    Data(load_boxes, _described, "box(es) or file(s)", renumbered),
    Learning(load_detector, _learner, detector_from),
    Judging(
        "ap50", "AP50",
        "Mean average precision at an overlap of 0.5, with 95 % intervals over images drawn again "
        "and again.",
        8, _judge, "found.npz", load_judged,
    ),
    Drawing(
        FULL, _drawn, _truth, _told, "detector.html.j2", 8, "Boxes on test images",
        "What it found, left, beside what was annotated, right. The images are spread evenly over "
        "the test list.",
        _facts, _values,
    ),
    Files(
        RAW, FULL, _variants, ("model.raw.torchscript", "libtorch: every default box"), _read,
        _more_gates, "AP through the file", "detector",
        "finds and draws boxes, tests itself, times; numpy, pillow and onnxruntime only", _about,
        lambda output: (FULL, output), joined,
    ),
)  # fmt: skip
