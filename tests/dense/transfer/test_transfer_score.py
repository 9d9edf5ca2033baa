"""Figures agree with pycocotools on COCO's own annotations, and VOC's with a slow reference."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dense.transfer.tiny_sets import write_devkit, write_instances
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from pycocotools.mask import encode

from edgessl.dense.detection.found import Found
from edgessl.dense.transfer.find import FoundMasks
from edgessl.dense.transfer.load import load_scenes
from edgessl.dense.transfer.scenes import Scene
from edgessl.dense.transfer.score import OVERLAPS, coco_figures, score_transfer


def _guesses(scenes: tuple[Scene, ...], classes: int) -> list[FoundMasks]:
    """Objects moved by a few pixels, some twice, some of another class, and noise."""
    generator = np.random.default_rng(0)
    told = []
    for scene in scenes:
        moved = [scene.boxes + generator.normal(0, 2, scene.boxes.shape) for _ in range(2)]
        boxes = np.concatenate([*moved, generator.uniform(0, 40, (3, 4))])
        boxes = np.sort(boxes.reshape(-1, 2, 2), axis=1).reshape(-1, 4)
        boxes = boxes.clip(0, [scene.width, scene.height] * 2).astype(np.float32)
        labels = np.concatenate([scene.labels, scene.labels, [0, 1, 0]])
        swapped = generator.random(len(labels)) < 0.2
        labels = np.where(swapped, (labels + 1) % classes, labels)
        scores = np.sort(generator.random(len(labels)))[::-1].astype(np.float32)
        masks = np.zeros((len(labels), scene.height, scene.width), np.uint8)
        for mask, (left, top, right, bottom) in zip(masks, boxes.round().astype(int), strict=True):
            mask[top:bottom, left:right] = 1
        sides = np.array([scene.width, scene.height] * 2, np.float32)
        told.append(FoundMasks(
            Found(boxes / sides, scores, labels),
            tuple(encode(np.asfortranarray(mask)) for mask in masks),
        ))  # fmt: skip
    return told


def _own_tools(path: Path, told: list[FoundMasks], scenes: tuple[Scene, ...], kind: str) -> Any:
    """Evaluate against the file of annotations itself."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(path))
        rows = []
        for one, scene in zip(told, scenes, strict=True):
            sides = np.array([scene.width, scene.height] * 2, np.float64)
            for i, box in enumerate(one.found.boxes.astype(np.float64) * sides):
                left, top, right, bottom = box.tolist()
                row = {"image_id": int(scene.path.stem), "score": float(one.found.scores[i]),
                       "category_id": 3 + 4 * int(one.found.labels[i])}  # fmt: skip
                assert one.masks is not None
                where = {"bbox": [left, top, right - left, bottom - top],
                         "segmentation": one.masks[i]}  # fmt: skip
                rows.append(row | {key: where[key] for key in
                                   (["segmentation"] if kind == "segm" else ["bbox"])})  # fmt: skip
        evaluation = COCOeval(truth, truth.loadRes(rows), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [100 * value for value in evaluation.stats[:3]]


@pytest.mark.parametrize("split", ["train2017", "val2017"])
@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_coco_agrees_with_its_tools_on_its_file(tmp_path: Path, split: str, kind: str) -> None:
    """Groups and run lengths included; the image without objects is not among them."""
    scenes = load_scenes(write_instances(tmp_path))
    images = scenes.train if split == "train2017" else scenes.test
    told = _guesses(images, 2)
    wanted = _own_tools(tmp_path / f"annotations/instances_{split}.json", told, images, kind)
    found = coco_figures(told, images, scenes.classes, masks=kind == "segm")
    assert [found[name] for name in ("ap", "ap50", "ap75")] == pytest.approx(wanted, abs=1e-6)
    assert 5 < wanted[0] < 95


def _slow_ap(told: list[FoundMasks], scenes: tuple[Scene, ...], label: int, iou: float,
             points: bool) -> float:  # fmt: skip
    """AP of a class, written from the development kit's text."""
    rows = sorted(
        ((float(score), place, box) for place, one in enumerate(told)
         for score, box, kind in zip(one.found.scores, one.found.boxes, one.found.labels,
                                     strict=True) if kind == label),
        key=lambda row: -row[0],
    )  # fmt: skip
    objects = sum(int(((one.labels == label) & ~one.difficult).sum()) for one in scenes)
    taken: set[tuple[int, int]] = set()
    precisions, recalls, right, wrong = [], [], 0, 0
    for _, place, box in rows:
        scene = scenes[place]
        best, which = -1.0, -1
        for i in np.flatnonzero(scene.labels == label).tolist():
            share = _iou(box * np.array([scene.width, scene.height] * 2), scene.boxes[i])
            if share > best:
                best, which = share, i
        if best >= iou and scene.difficult[which]:
            continue
        if best >= iou and (place, which) not in taken:
            taken.add((place, which))
            right += 1
        else:
            wrong += 1
        recalls.append(right / objects)
        precisions.append(right / (right + wrong))
    if points:
        return float(np.mean([
            max([p for p, r in zip(precisions, recalls, strict=True) if r >= at - 1e-12], default=0)
            for at in np.linspace(0, 1, 11)
        ]))  # fmt: skip
    area, before = 0.0, 0.0
    for i, recall in enumerate(recalls):
        area += (recall - before) * max(precisions[i:])
        before = recall
    return area


def _iou(one: Any, other: Any) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(0.0, float(width)) * max(0.0, float(height))
    areas = [float((box[2] - box[0]) * (box[3] - box[1])) for box in (one, other)]
    return common / max(1e-12, areas[0] + areas[1] - common)


def test_voc_agrees_with_a_slow_version_by_both_rules(tmp_path: Path) -> None:
    scenes = load_scenes(write_devkit(tmp_path))
    told = _guesses(scenes.train, 2)
    facts = score_transfer(told, scenes.train, scenes.classes)
    for points, word in ((True, "11_points"), (False, "area")):
        for name, overlaps in (("ap", OVERLAPS), ("ap50", (0.5,)), ("ap75", (0.75,))):
            wanted = np.mean([_slow_ap(told, scenes.train, label, iou, points)
                              for iou in overlaps for label in (0, 1)])  # fmt: skip
            assert facts["voc"][f"{name}_{word}"] == pytest.approx(100 * wanted, abs=1e-6)
    assert "coco_masks" not in facts
