"""What a transfer does for boxes and instances' masks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from edgessl.data.parallel import Progress
from edgessl.dense.detection.found import Found
from edgessl.dense.transfer.deploy import RegionDetector
from edgessl.dense.transfer.find import find_in_originals
from edgessl.dense.transfer.load import load_scenes
from edgessl.dense.transfer.report import write_box_page
from edgessl.dense.transfer.scenes import SceneSet
from edgessl.dense.transfer.score import score_transfer
from edgessl.dense.transfer.train import BoxWork, load_regions, train_regions
from edgessl.errors import UserError
from edgessl.metrics.cost import params
from edgessl.recipe.transfer_table import DetectionTransfer
from edgessl.runs.stages import DETECT, DETECT_ARMS, StageId


def open_boxes(table: DetectionTransfer, data: str | Path, progress: Progress) -> SceneSet:
    """Read the images that a recipe is for.

    Raises:
        UserError: They cannot be used, or lack the masks that the recipe learns.
    """
    scenes = load_scenes(data, progress)
    if table.detector.name == "mask_rcnn" and not scenes.has_masks:
        raise UserError(
            f"{scenes.source}: must have a mask of every object for {table.name}, got "
            f"{scenes.layout} without; take a recipe of Faster R-CNN, or annotate masks"
        )
    return scenes


class BoxChapter:
    """The work on boxes of one run.

    Args:
        work: What its trainings share.
    """

    stage, arms = DETECT, DETECT_ARMS

    def __init__(self, work: BoxWork) -> None:
        self._work = work

    def train(self, stage: StageId, start: str) -> dict[str, Any]:
        """Train a detector from some weights."""
        return train_regions(self._work, stage, start)

    def score(self, stage: StageId) -> dict[str, Any]:
        """Score what a training left."""
        place, scenes = self._work.place, self._work.data
        return score_regions(
            load_regions(self._work, stage), scenes, place.device,
            lambda done, total: place.reporter.progress(f"scoring {stage.name}", done, total),
        )  # fmt: skip

    def in_words(self, facts: Mapping[str, Any]) -> str:
        """Say figures as the papers give them."""
        return box_words(facts)

    def interval(self, facts: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the name of the figure that has an interval, and it."""
        return "AP50 (area)", facts["scores"]["ap50"]

    def model(self) -> dict[str, Any]:
        """Say what was trained, as plain values."""
        detector, table = load_regions(self._work, self.stage), self._work.recipe.detector
        return {
            "backbone": detector.backbone, "params": params(detector.module),
            "name": f"{table.name} ({table.maps})",
        }  # fmt: skip

    def write_page(self, document: Mapping[str, Any]) -> None:
        """Write ``report.html``."""
        place = self._work.place
        draw_regions(
            place.run.path, document, load_regions(self._work, self.stage), self._work.data,
            place.device,
        )  # fmt: skip


def score_regions(
    detector: RegionDetector, scenes: SceneSet, device: torch.device, progress: Progress
) -> dict[str, Any]:
    """Return a detector's figures on ``test``, as plain values.

    Args:
        detector: Is moved to the device.
        scenes: The images, with classes as the detector has them.
        device: Where it runs.
        progress: Called with (done, total).
    """
    told = find_in_originals(
        detector.module.to(device), scenes.test, detector.image.test_px, device, progress
    )
    return score_transfer(told, scenes.test, detector.classes)


def draw_regions(
    folder: Path, document: Mapping[str, Any], detector: RegionDetector, scenes: SceneSet,
    device: torch.device,
) -> None:  # fmt: skip
    """Write ``report.html`` of a detector into the folder of its run."""

    def find(places: list[int]) -> list[Found]:
        few, module = [scenes.test[place] for place in places], detector.module.to(device)
        told = find_in_originals(module, few, detector.image.test_px, device)
        return [one.found for one in told]

    write_box_page(folder, document, scenes.test, find)


def box_words(facts: Mapping[str, Any]) -> str:
    """Say figures of boxes, and of masks where there are any, as the papers give them."""
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
