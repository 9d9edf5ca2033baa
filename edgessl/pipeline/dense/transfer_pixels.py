"""What a transfer does for a class of each pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.dense.segmentation.miou import score
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
        segmenter = load_pixel_segmenter(self._work, stage)
        counts = count_pixels(self._work, segmenter, f"scoring {stage.name}")
        return score(counts, segmenter.classes)

    def in_words(self, facts: Mapping[str, Any]) -> str:
        """Say figures as the papers give them."""
        return (
            f"mIoU {facts['scores']['miou']['value']:.1f} %, "
            f"{facts['pixel_accuracy']:.1f} % of pixels right"
        )

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

        def answer(places: list[int]) -> list[NDArray[np.uint8]]:
            few = [self._work.data.test[place] for place in places]
            return list(answers(self._work, load_pixel_segmenter(self._work, self.stage), few))

        data = self._work.data
        write_pixel_page(self._work.place.run.path, document, data.test, data.lookup, answer)
