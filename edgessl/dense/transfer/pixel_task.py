"""DeepLabV3 and FCN as a task of transfer: a class for each pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgessl.backbones import Backbone
from edgessl.data.parallel import Progress
from edgessl.dense.masks.masked import VOID
from edgessl.dense.segmentation.miou import score
from edgessl.dense.transfer.dilated import PixelNetwork
from edgessl.dense.transfer.load_pixels import load_pixels
from edgessl.dense.transfer.originals import Stream
from edgessl.dense.transfer.pixel_answers import answers, count_pixels
from edgessl.dense.transfer.pixel_deploy import (
    KIND,
    PixelSegmenter,
    pixel_payload,
    pixel_segmenter_from,
)
from edgessl.dense.transfer.pixel_method import PixelTraining
from edgessl.dense.transfer.pixel_sampler import PixelSampler
from edgessl.dense.transfer.pixels import PixelSet
from edgessl.dense.transfer.report import write_pixel_page
from edgessl.dense.transfer.task import TransferLearner, TransferTask, numbers_of
from edgessl.recipe.transfer_table import SegmentationTransfer
from edgessl.runs.stages import SEGMENT, SEGMENT_ARMS


def _build(backbone: Backbone, classes: int, recipe: SegmentationTransfer) -> nn.Module:
    return PixelNetwork(backbone, classes, recipe.segmenter)


def _learner(
    backbone: Backbone, recipe: SegmentationTransfer, pixels: PixelSet
) -> TransferLearner:
    segmenter = PixelNetwork(backbone, len(pixels.classes), recipe.segmenter)

    def sampler_of(stream: Stream) -> PixelSampler:
        return PixelSampler(pixels.train, pixels.lookup, stream, recipe.image)

    return TransferLearner(
        PixelTraining(segmenter), pixels.train, sampler_of,
        recipe.segmenter.precise_batchnorm_steps,
        lambda provenance: pixel_payload(
            segmenter, classes=pixels.classes, image=recipe.image, provenance=provenance
        ),
    )  # fmt: skip


def _renumbered(pixels: PixelSet, known: tuple[str, ...]) -> PixelSet:
    numbers = numbers_of(pixels.source, pixels.classes, known)
    lookup = tuple(one if one == VOID else numbers[one] for one in pixels.lookup)
    return replace(pixels, classes=known, lookup=lookup)


def _judge(
    segmenter: PixelSegmenter, pixels: PixelSet, device: torch.device, progress: Progress
) -> dict[str, Any]:
    return score(count_pixels(segmenter, pixels, device, progress), segmenter.classes)


def _draw(
    folder: Path, document: Mapping[str, Any], segmenter: PixelSegmenter, pixels: PixelSet,
    device: torch.device,
) -> None:  # fmt: skip
    def answer(places: list[int]) -> list[NDArray[np.uint8]]:
        return list(answers(segmenter, [pixels.test[place] for place in places], device))

    write_pixel_page(folder, document, pixels.test, pixels.lookup, answer)


def _words(facts: Mapping[str, Any]) -> str:
    return (
        f"mIoU {facts['scores']['miou']['value']:.1f} %, "
        f"{facts['pixel_accuracy']:.1f} % of pixels right"
    )


PIXELS = TransferTask(
    "segment", KIND, SEGMENT, SEGMENT_ARMS, load_pixels, lambda _recipe, _pixels: None, _build,
    _learner, pixel_segmenter_from, _renumbered, _judge, _words, ("mIoU", "miou"),
    lambda recipe: f"{recipe.segmenter.name} (stride {recipe.segmenter.stride})", _draw,
)  # fmt: skip
