"""What a transfer does for a class of each pixel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgessl.data.parallel import Progress
from edgessl.dense.segmentation.miou import score
from edgessl.dense.transfer.pixel_deploy import PixelSegmenter
from edgessl.dense.transfer.pixels import PixelSet
from edgessl.dense.transfer.report import write_pixel_page
from edgessl.dense.transfer.train_pixels import (
    PixelWork,
    answers,
    count_pixels,
    load_pixel_segmenter,
    train_pixels,
)
from edgessl.metrics.cost import params
from edgessl.runs.stages import SEGMENT, SEGMENT_ARMS, StageId


class PixelChapter:
    """The work on pixels of one run.

    Args:
        work: What its trainings share.
    """

    stage, arms = SEGMENT, SEGMENT_ARMS

    def __init__(self, work: PixelWork) -> None:
        self._work = work

    def train(self, stage: StageId, start: str) -> dict[str, Any]:
        """Train a segmenter from some weights."""
        return train_pixels(self._work, stage, start)

    def score(self, stage: StageId) -> dict[str, Any]:
        """Score what a training left."""
        place = self._work.place
        return score_pixels(
            load_pixel_segmenter(self._work, stage), self._work.data, place.device,
            lambda done, total: place.reporter.progress(f"scoring {stage.name}", done, total),
        )  # fmt: skip

    def in_words(self, facts: Mapping[str, Any]) -> str:
        """Say figures as the papers give them."""
        return pixel_words(facts)

    def interval(self, facts: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the name of the figure that has an interval, and it."""
        return "mIoU", facts["scores"]["miou"]

    def model(self) -> dict[str, Any]:
        """Say what was trained, as plain values."""
        segmenter, table = load_pixel_segmenter(self._work, self.stage), self._work.recipe.segmenter
        return {
            "backbone": segmenter.module.body.name, "params": params(segmenter.module),
            "name": f"{table.name} (stride {table.stride})",
        }  # fmt: skip

    def write_page(self, document: Mapping[str, Any]) -> None:
        """Write ``report.html``."""
        place = self._work.place
        draw_pixels(
            place.run.path, document, load_pixel_segmenter(self._work, self.stage),
            self._work.data, place.device,
        )  # fmt: skip


def score_pixels(
    segmenter: PixelSegmenter, data: PixelSet, device: torch.device, progress: Progress
) -> dict[str, Any]:
    """Return a segmenter's figures on ``test``, as plain values.

    Args:
        segmenter: Is moved to the device.
        data: The images, with classes as the segmenter has them.
        device: Where it runs.
        progress: Called with (done, total).
    """
    return score(count_pixels(segmenter, data, device, progress), segmenter.classes)


def draw_pixels(
    folder: Path, document: Mapping[str, Any], segmenter: PixelSegmenter, data: PixelSet,
    device: torch.device,
) -> None:  # fmt: skip
    """Write ``report.html`` of a segmenter into the folder of its run."""

    def answer(places: list[int]) -> list[NDArray[np.uint8]]:
        return list(answers(segmenter, [data.test[place] for place in places], device))

    write_pixel_page(folder, document, data.test, data.lookup, answer)


def pixel_words(facts: Mapping[str, Any]) -> str:
    """Say figures of pixels as the papers give them."""
    return (
        f"mIoU {facts['scores']['miou']['value']:.1f} %, "
        f"{facts['pixel_accuracy']:.1f} % of pixels right"
    )
