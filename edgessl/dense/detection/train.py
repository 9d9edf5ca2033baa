"""One training of a detector: packed images in, a checkpoint and its val curve out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgessl import checkpoint
from edgessl.backbones import Backbone
from edgessl.dense.boxes.boxed import BoxedImage, BoxSet
from edgessl.dense.detection.deploy import (
    Detector,
    detector_from,
    detector_payload,
    rule_of,
    square_of,
)
from edgessl.dense.detection.found import Found
from edgessl.dense.detection.method import Detection
from edgessl.dense.detection.network import Decoded, SsdLite
from edgessl.dense.detection.sampler import BoxSampler
from edgessl.dense.detection.score import Predict, ap50_of, find_all
from edgessl.dense.originals import packed, pixels_of
from edgessl.dense.square import Square
from edgessl.recipe.detector_table import DetectorRecipe
from edgessl.runs.stages import StageId
from edgessl.schedules import Clock
from edgessl.start.begin import initialise
from edgessl.start.source import NONE
from edgessl.train import TrainingData
from edgessl.train.place.context import Workplace
from edgessl.train.stage.stage import Stage
from edgessl.train.stage.train_stage import train_stage


@dataclass(frozen=True)
class Work:
    """What every training of a run shares.

    Attributes:
        place: Where and with what it works.
        recipe: Resolved.
        boxes: The images.
        provenance: What every checkpoint says about where it comes from.
    """

    place: Workplace
    recipe: DetectorRecipe
    boxes: BoxSet
    provenance: dict[str, Any]


def train_detector(work: Work, stage: StageId, start: str) -> dict[str, Any]:
    """Train a detector, from where an earlier run of it stopped, and write its checkpoint.

    Args:
        work: The run.
        stage: Its name, number and file.
        start: Weights of its backbone, as of ``--init``.

    Returns:
        How fast it was, as plain values.
    """
    place, recipe, boxes = work.place, work.recipe, work.boxes
    train = recipe.train
    place.seed_weights(stage.number)
    backbone = Backbone(
        recipe.backbone.name, "keep", recipe.image.input_px,
        batchnorm_eps=recipe.backbone.batchnorm_eps,
    )
    if told := initialise(backbone, start):
        place.reporter.say(told)
    detector = SsdLite(backbone, len(boxes.classes), recipe.detector, recipe.image.input_px)
    frozen = train.batchnorm == "frozen" and start != NONE
    method = Detection(detector, frozen_batchnorm=frozen)
    sampler = BoxSampler(boxes.train, recipe.image, train.augment, place.engine.memory_format)
    meter = train_stage(
        place,
        Stage(stage, train.epochs, train.batch_size, (), train.optim, optim_key="train.optim",
              sampler=sampler),
        method, method, TrainingData(packed(boxes.train, recipe.image.input_px, place.reporter)),
        _watch(work, method),
    )  # fmt: skip
    payload = detector_payload(
        detector, classes=boxes.classes, image=recipe.image,
        provenance={**work.provenance, "start": start},
    )
    checkpoint.save(place.run.path / stage.file, payload)
    return meter.facts()


def load_detector_of(work: Work, stage: StageId) -> Detector:
    """Read the checkpoint that a training left."""
    path = work.place.run.path / stage.file
    return detector_from(checkpoint.load(path), str(path))


def predictor(module: Decoded, square: Square, device: torch.device) -> Predict:
    """Return a detector as a function of pixels.

    Args:
        module: On the device.
        square: Normalises.
        device: Where it runs.
    """

    def predict(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        images = torch.from_numpy(square.normalise(pixels)).to(device)
        with torch.inference_mode():
            output: NDArray[np.float32] = module(images).float().cpu().numpy()
        return output

    return predict


def find_in(
    work: Work, detector: Detector, images: Sequence[BoxedImage], what: str
) -> list[Found]:
    """Run a detector over originals.

    Args:
        work: The run.
        detector: A finished one; it is moved to the run's device.
        images: Of a split.
        what: For the progress.
    """
    device, reporter = work.place.device, work.place.reporter
    module = detector.module.to(device)
    return find_all(
        pixels_of(images, detector.square), predictor(module, detector.square, device),
        detector.rule, lambda done, total: reporter.progress(what, done, total),
    )  # fmt: skip


def _watch(work: Work, method: Detection) -> Callable[[Clock], dict[str, float] | None]:
    """Return the monitor: AP50 on val, every so many epochs and after the last one."""
    recipe, boxes, place = work.recipe, work.boxes, work.place
    every = max(1, round(recipe.train.epochs * recipe.train.val_every_percent / 100))
    square, kept = square_of(recipe.image), list[NDArray[np.uint8]]()

    def watch(clock: Clock) -> dict[str, float] | None:
        if not boxes.val or (clock.epoch % every and clock.epoch != clock.epochs):
            return None
        if not kept:
            kept.append(pixels_of(boxes.val, square))
        found = find_all(
            kept[0], predictor(Decoded(method.detector).eval(), square, place.device),
            rule_of(recipe.detector),
        )
        method.train()
        return {"val_ap50": ap50_of(found, boxes.val, boxes.classes)}

    return watch
