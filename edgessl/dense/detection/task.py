"""Detection as a task: boxes with a class, judged by AP50."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from edgessl.backbones import Backbone
from edgessl.dense.boxes.boxed import BoxedImage, BoxSet
from edgessl.dense.boxes.load import load_boxes
from edgessl.dense.detection.deploy import detector_from, detector_payload, rule_of
from edgessl.dense.detection.drawing import DRAWING
from edgessl.dense.detection.files import FILES
from edgessl.dense.detection.found import Found, suppress
from edgessl.dense.detection.judged import JudgedBoxes, load_judged
from edgessl.dense.detection.method import Detection
from edgessl.dense.detection.network import Decoded, build_detector
from edgessl.dense.detection.sampler import BoxSampler
from edgessl.dense.images import SPLITS
from edgessl.dense.task import Data, Judging, Learner, Learning, Task
from edgessl.errors import UserError
from edgessl.recipe.detector_table import TASK, DetectorRecipe
from edgessl.recipe.load_dense import load_detector
from edgessl.runs.stages import DETECT, DETECT_ARMS
from edgessl.train.place.context import Workplace


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
    DRAWING, FILES,
)  # fmt: skip
