"""How detectors are exported: one file that suppresses doubles itself, and one that does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgessl.dense.detection.deploy import Detector
from edgessl.dense.detection.found import Found, Suppression, suppress
from edgessl.dense.detection.gates import check_boxes
from edgessl.dense.detection.suppressed_graph import (
    FULL,
    RAW,
    ROWS,
    found_of,
    joined,
    with_suppression,
)
from edgessl.dense.task import Array, Files, Variant
from edgessl.export.gates.gate import Gate

PLAIN_RULE = Suppression(0.5, 0.01, 100)
"""For a file that gives all its default boxes."""


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


FILES = Files(
    RAW, FULL, _variants, ("model.raw.torchscript", "libtorch: every default box"), _read,
    _more_gates, "AP through the file",
    "finds and draws boxes, tests itself, times; numpy, pillow and onnxruntime only", _about,
    lambda output: (FULL, output), joined,
)  # fmt: skip
