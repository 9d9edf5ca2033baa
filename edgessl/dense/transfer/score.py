"""The figures that papers give of a detector: VOC's AP by its rules, COCO's of boxes and masks."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from math import isfinite
from typing import Any

import numpy as np

from edgessl.dense.detection.coco_ap import MAX_BOXES, NAMES
from edgessl.dense.detection.found import Found
from edgessl.dense.detection.score import score
from edgessl.dense.detection.voc_ap import Rule, match_class, mean_ap
from edgessl.dense.transfer.find import FoundMasks
from edgessl.dense.transfer.scenes import Scene, run_lengths

OVERLAPS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))


def score_transfer(
    told: Sequence[FoundMasks], scenes: Sequence[Scene], classes: Sequence[str]
) -> dict[str, Any]:
    """Compute all figures, as plain values in percent.

    Args:
        told: What a detector told of each image.
        scenes: The same images with their objects.
        classes: Class names in label order.

    Returns:
        What ``score`` returns, with more of ``voc``: ``ap`` is the mean over ``OVERLAPS`` and
        ``ap75`` at 0.75, by the rule of 11 points (VOC2007's, as detectron2 and so the papers
        have it) and by area. ``coco`` is of boxes; ``coco_masks`` stands beside it where there are
        masks.
    """
    found = [one.found for one in told]
    facts = score(found, scenes, classes).facts
    facts["voc"] |= _voc(found, scenes, classes)
    facts["coco"] = coco_figures(told, scenes, classes, masks=False)
    if all(one.masks is not None for one in told) and all(one.outlines is not None
                                                          for one in scenes):  # fmt: skip
        facts["coco_masks"] = coco_figures(told, scenes, classes, masks=True)
    return facts


def _voc(
    found: Sequence[Found], scenes: Sequence[Scene], classes: Sequence[str]
) -> dict[str, float]:
    at = {iou: [match_class(found, scenes, label, iou) for label in range(len(classes))]
          for iou in OVERLAPS}  # fmt: skip
    rules: dict[str, Rule] = {"area": "area", "11_points": "11 points"}
    return {
        f"{name}_{word}": 100 * float(np.mean([mean_ap(at[iou], rule) for iou in overlaps]))
        for word, rule in rules.items()
        for name, overlaps in (("ap", OVERLAPS), ("ap50", (0.5,)), ("ap75", (0.75,)))
    }  # fmt: skip


def coco_figures(
    told: Sequence[FoundMasks], scenes: Sequence[Scene], classes: Sequence[str], *, masks: bool
) -> dict[str, float | None]:
    """Compute COCO's figures over boxes or masks with its own tools.

    Args:
        told: What a detector told of each image.
        scenes: The same images; difficult objects are crowds.
        classes: Class names in label order.
        masks: Whether masks are compared, not boxes.

    Returns:
        ``ap`` over overlaps from 0.5 to 0.95, ``ap50``, ``ap75``, and ``ap`` by size, in percent;
        None where there is no such object.

    Source:
        Lin et al. 2014, arXiv:1405.0312; pycocotools.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rows = _rows(told, scenes, masks=masks)
    if not rows:
        return dict.fromkeys(NAMES, 0.0)
    with redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = _truth(scenes, classes)
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(rows), "segm" if masks else "bbox")
        evaluation.params.maxDets = [1, 10, MAX_BOXES]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    figures = [100 * float(value) for value in evaluation.stats[: len(NAMES)]]
    # Its tools say -1 where there is no object.
    return {name: value if value >= 0 and isfinite(value) else None
            for name, value in zip(NAMES, figures, strict=True)}  # fmt: skip


def _truth(scenes: Sequence[Scene], classes: Sequence[str]) -> dict[str, Any]:
    from pycocotools.mask import area

    rows: list[dict[str, Any]] = []
    for place, scene in enumerate(scenes):
        for i, (box, label, crowd) in enumerate(
            zip(scene.boxes.tolist(), scene.labels.tolist(), scene.difficult.tolist(), strict=True)
        ):
            left, top, right, bottom = box
            row = {
                "id": len(rows) + 1, "image_id": place, "category_id": label,
                "bbox": [left, top, right - left, bottom - top],
                "area": (right - left) * (bottom - top), "iscrowd": int(crowd),
                "ignore": int(crowd),
            }  # fmt: skip
            if scene.outlines is not None:
                row["segmentation"] = run_lengths(scene, i)
                row["area"] = float(area(row["segmentation"]))  # as COCO's annotations have it
            rows.append(row)
    images = [{"id": i, "width": one.width, "height": one.height} for i, one in enumerate(scenes)]
    return {
        "info": {}, "images": images, "annotations": rows,
        "categories": [{"id": label, "name": name} for label, name in enumerate(classes)],
    }


def _rows(
    told: Sequence[FoundMasks], scenes: Sequence[Scene], *, masks: bool
) -> list[dict[str, Any]]:
    rows = []
    for place, (one, scene) in enumerate(zip(told, scenes, strict=True)):
        sides = np.array([scene.width, scene.height] * 2, np.float64)
        best = one.found.surest(MAX_BOXES)
        corners = (best.boxes.astype(np.float64) * sides).tolist()
        for i, (left, top, right, bottom) in enumerate(corners):
            row: dict[str, Any] = {
                "image_id": place, "category_id": int(best.labels[i]),
                "score": float(best.scores[i]),
            }  # fmt: skip
            if masks and one.masks is not None:
                row["segmentation"] = one.masks[i]
            else:
                row["bbox"] = [left, top, right - left, bottom - top]
            rows.append(row)
    return rows
