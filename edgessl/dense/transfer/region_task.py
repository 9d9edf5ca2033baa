"""Faster and Mask R-CNN as a task of transfer: boxes, and masks where there are any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from edgessl.backbones import Backbone
from edgessl.data.parallel import Progress
from edgessl.dense.detection.found import Found
from edgessl.dense.transfer.deploy import KIND, RegionDetector, payload_of, region_detector_from
from edgessl.dense.transfer.find import find_in_originals
from edgessl.dense.transfer.load import load_scenes
from edgessl.dense.transfer.method import RegionTraining
from edgessl.dense.transfer.originals import Stream
from edgessl.dense.transfer.rcnn import build_rcnn
from edgessl.dense.transfer.report import write_box_page
from edgessl.dense.transfer.sampler import SceneSampler
from edgessl.dense.transfer.scenes import Scene, SceneSet
from edgessl.dense.transfer.score import score_transfer
from edgessl.dense.transfer.task import TransferLearner, TransferTask, numbers_of
from edgessl.errors import UserError
from edgessl.recipe.transfer_table import DetectionTransfer
from edgessl.runs.stages import DETECT, DETECT_ARMS


def _refuse_unfit(recipe: DetectionTransfer, scenes: SceneSet) -> None:
    if recipe.detector.name == "mask_rcnn" and not scenes.has_masks:
        raise UserError(
            f"{scenes.source}: must have a mask of every object for {recipe.name}, got "
            f"{scenes.layout} without; take a recipe of Faster R-CNN, or annotate masks"
        )


def _build(backbone: Backbone, classes: int, recipe: DetectionTransfer) -> nn.Module:
    detector: nn.Module = build_rcnn(backbone, classes, recipe.detector, recipe.image)
    return detector


def _learner(
    backbone: Backbone, recipe: DetectionTransfer, scenes: SceneSet
) -> TransferLearner:
    table, image = recipe.detector, recipe.image
    detector = build_rcnn(backbone, len(scenes.classes), table, image)
    method = RegionTraining(
        detector, image.train_px, frozen_batchnorm=table.batchnorm == "frozen"
    )

    def sampler_of(stream: Stream) -> SceneSampler:
        masks = table.name == "mask_rcnn"
        return SceneSampler(scenes.train, stream, image.flip_share, masks=masks)

    return TransferLearner(
        method, scenes.train, sampler_of, table.precise_batchnorm_steps,
        lambda provenance: payload_of(
            detector, classes=scenes.classes, image=image, table=table, provenance=provenance
        ),
    )  # fmt: skip


def _renumbered(scenes: SceneSet, known: tuple[str, ...]) -> SceneSet:
    numbers = np.array(numbers_of(scenes.source, scenes.classes, known), np.int64)

    def renumber(one: Scene) -> Scene:
        return replace(one, labels=numbers[one.labels])

    return replace(scenes, classes=known, test=tuple(map(renumber, scenes.test)))


def _judge(
    detector: RegionDetector, scenes: SceneSet, device: torch.device, progress: Progress
) -> dict[str, Any]:
    told = find_in_originals(
        detector.module.to(device), scenes.test, detector.image.test_px, device, progress
    )
    return score_transfer(told, scenes.test, detector.classes)


def _draw(
    folder: Path, document: Mapping[str, Any], detector: RegionDetector, scenes: SceneSet,
    device: torch.device,
) -> None:  # fmt: skip
    def find(places: list[int]) -> list[Found]:
        few, module = [scenes.test[place] for place in places], detector.module.to(device)
        told = find_in_originals(module, few, detector.image.test_px, device)
        return [one.found for one in told]

    write_box_page(folder, document, scenes.test, find)


def _words(facts: Mapping[str, Any]) -> str:
    voc, coco = facts["voc"], facts["coco"]
    words = (
        f"VOC AP50 {voc['ap50_11_points']:.1f} % (11 points), {voc['ap50_area']:.1f} % (area); "
        f"COCO AP, AP50, AP75 of boxes {_three(coco)} %"
    )
    masks = facts.get("coco_masks")
    return words + (f", of masks {_three(masks)} %" if masks else "")


def _three(table: Mapping[str, float | None]) -> str:
    values = (table[name] for name in ("ap", "ap50", "ap75"))
    return ", ".join("none" if one is None else f"{one:.1f}" for one in values)


REGIONS = TransferTask(
    "detect", KIND, DETECT, DETECT_ARMS, load_scenes, _refuse_unfit, _build, _learner,
    region_detector_from, _renumbered, _judge, _words, ("AP50 (area)", "ap50"),
    lambda recipe: f"{recipe.detector.name} ({recipe.detector.maps})", _draw,
)  # fmt: skip
