"""What edgessl understands of images with boxes, and what it would advise."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgessl.data.parallel import Progress
from edgessl.dense.boxes.boxed import BoxedImage, BoxSet
from edgessl.dense.boxes.load import load_boxes
from edgessl.dense.images import SPLITS
from edgessl.pipeline.dense.spread import spread

FEW_OBJECTS = 50  # not tuned
RECIPE = "ssdlite-efficientnet-lite0"
TINY_SHARE = 0.03  # of the image's side: a tenth of what a detector of 320 px can tell apart


def describe_boxes(data: str, progress: Progress | None = None) -> dict[str, Any]:
    """Load images with boxes and say what they hold.

    Args:
        data: A folder in the layout of PASCAL VOC, COCO or YOLO.
        progress: Called with (done, total) while files are read.

    Returns:
        The plain values of ``describe_data``, where classes count boxes, and ``task``, ``boxes`` by
        split, ``box_sizes`` in pixels and ``box_classes``, which are its ``classes`` again.

    Raises:
        UserError: The data cannot be used.
    """
    boxes = load_boxes(data, progress)
    images = [image for name in SPLITS for image in boxes.split(name)]
    sizes = np.array([(image.height, image.width) for image in images])
    sides = np.concatenate([image.boxes[:, 2:] - image.boxes[:, :2] for image in images])
    return {
        "name": boxes.name,
        "source": boxes.source,
        "task": "detect",
        "fingerprint": boxes.fingerprint,
        "layout": boxes.layout,
        "images": {**{name: len(boxes.split(name)) for name in SPLITS}, "unlabeled": 0},
        "boxes": {name: sum(len(one.labels) for one in boxes.split(name)) for name in SPLITS},
        "classes": _classes(boxes),
        "box_classes": _classes(boxes),
        "sizes": {
            "height": spread(sizes[:, 0]), "width": spread(sizes[:, 1]),
            "short_side": spread(sizes.min(axis=1)),
        },
        "box_sizes": {
            "box_width": spread(sides[:, 0]), "box_height": spread(sides[:, 1]),
            "box_side": spread(np.sqrt(sides.prod(axis=1))),
        },
        "value_range": None,
        "quarantined": [{"path": where, "reason": reason} for where, reason in boxes.left_out],
        "skipped": {},
        "duplicates": sum("same content" in reason for _, reason in boxes.left_out),
        "notes": list(boxes.notes),
        "overrule": "",
        "advice": _advice(data, boxes),
    }  # fmt: skip


def beside_labels(labels: dict[str, Any], boxes: dict[str, Any]) -> dict[str, Any]:
    """Say of images what they hold as labelled images, and their boxes beside it.

    Args:
        labels: From ``describe_data``.
        boxes: From ``describe_boxes``.
    """
    more = {key: boxes[key] for key in ("boxes", "box_sizes", "box_classes")}
    told = [one for one in boxes["quarantined"] if one not in labels["quarantined"]]
    return {
        **labels, **more, "quarantined": [*labels["quarantined"], *told],
        "notes": [*labels["notes"], *boxes["notes"]],
        "advice": [*labels["advice"], f"For boxes: {boxes['advice'][-1].removeprefix('Next: ')}"],
    }  # fmt: skip


def _classes(boxes: BoxSet) -> list[dict[str, Any]]:
    counts = {name: _counts(boxes.split(name), len(boxes.classes)) for name in SPLITS}
    return [
        {"name": name, **{split: counts[split][i] for split in SPLITS}}
        for i, name in enumerate(boxes.classes)
    ]


def _counts(images: Sequence[BoxedImage], classes: int) -> list[int]:
    labels = np.concatenate([np.zeros(0, np.int64), *(image.labels for image in images)])
    counts: list[int] = np.bincount(labels, minlength=classes).tolist()
    return counts


def _advice(data: str, boxes: BoxSet) -> list[str]:
    """Return what stands out most, if anything, and the next command."""
    remarks = []
    counts = _counts(boxes.train, len(boxes.classes))
    few = min(range(len(counts)), key=lambda i: counts[i])
    if counts[few] < FEW_OBJECTS:
        remarks.append(
            f"Class '{boxes.classes[few]}' has only {counts[few]} training box(es): add some."
        )
    shares = np.concatenate([image.shares for image in boxes.train])
    sides = np.sqrt((shares[:, 2:] - shares[:, :2]).prod(axis=1))
    if (tiny := float((sides < TINY_SHARE).mean())) > 0.1:
        remarks.append(
            f"{100 * tiny:.0f} % of the boxes are under {100 * TINY_SHARE:g} % of the image's "
            "side: cut the images into tiles, or raise --size."
        )
    command = f"edgessl recipe {RECIPE} --data {shlex.quote(data)} --init imagenet"
    return [*remarks[:1], f"Next: {command}"]
