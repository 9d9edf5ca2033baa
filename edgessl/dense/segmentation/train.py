"""One training of a segmenter: packed images and masks in, a checkpoint and its val curve out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from edgessl import checkpoint
from edgessl.backbones import Backbone
from edgessl.dense.masks.masked import MaskedImage, MaskSet, read_mask
from edgessl.dense.originals import pack_px, packed, pixels_of
from edgessl.dense.segmentation.deploy import segmenter_payload
from edgessl.dense.segmentation.method import Segmentation
from edgessl.dense.segmentation.miou import Predict, confusions, mean_iou
from edgessl.dense.segmentation.network import LrAspp
from edgessl.dense.segmentation.sampler import MaskSampler
from edgessl.dense.square import Square
from edgessl.recipe.segmenter_table import SegmenterRecipe
from edgessl.runs.stages import StageId
from edgessl.schedules import Clock
from edgessl.start.begin import initialise
from edgessl.train import TrainingData
from edgessl.train.place.context import Workplace
from edgessl.train.stage.stage import Stage
from edgessl.train.stage.train_stage import train_stage


@dataclass(frozen=True)
class SegmentWork:
    """What every training of a run shares.

    Attributes:
        place: Where and with what it works.
        recipe: Resolved.
        masks: The images.
        provenance: What every checkpoint says about where it comes from.
    """

    place: Workplace
    recipe: SegmenterRecipe
    masks: MaskSet
    provenance: dict[str, Any]


def train_segmenter(work: SegmentWork, stage: StageId, start: str) -> dict[str, Any]:
    """Train a segmenter, from where an earlier run of it stopped, and write its checkpoint.

    Args:
        work: The run.
        stage: Its name, number and file.
        start: Weights of its backbone, as of ``--init``.

    Returns:
        How fast it was, as plain values.
    """
    place, recipe, masks, train = work.place, work.recipe, work.masks, work.recipe.train
    place.seed_weights(stage.number)
    side = recipe.image.input_px
    backbone = Backbone(
        recipe.backbone.name, "keep", side, batchnorm_eps=recipe.backbone.batchnorm_eps
    )
    if told := initialise(backbone, start):
        place.reporter.say(told)
    segmenter = LrAspp(backbone, len(masks.classes), recipe.segmenter, side)
    method = Segmentation(segmenter)
    sampler = MaskSampler(
        packed_masks(masks.train, len(masks.classes), pack_px(side)), recipe.image, train.augment,
        place.engine.memory_format,
    )
    meter = train_stage(
        place,
        Stage(stage, train.epochs, train.batch_size, (), train.optim, optim_key="train.optim",
              sampler=sampler),
        method, method, TrainingData(packed(masks.train, side, place.reporter)),
        _watch(work, method),
    )  # fmt: skip
    payload = segmenter_payload(
        segmenter, classes=masks.classes, image=recipe.image,
        provenance={**work.provenance, "start": start},
    )
    checkpoint.save(place.run.path / stage.file, payload)
    return meter.facts()


def packed_masks(images: Sequence[MaskedImage], classes: int, side: int) -> Tensor:
    """Return masks squashed to a square, ``(N, P, P)`` uint8."""
    out = np.empty((len(images), side, side), np.uint8)
    for i, one in enumerate(images):
        mask = Image.fromarray(read_mask(one.mask, classes, one.mask_digest))
        out[i] = np.asarray(mask.resize((side, side), Image.Resampling.NEAREST))
    return torch.from_numpy(out)


def logits_of(module: LrAspp, square: Square, device: torch.device) -> Predict:
    """Return a segmenter as a function of pixels."""

    def predict(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        images = torch.from_numpy(square.normalise(pixels)).to(device)
        with torch.inference_mode():
            output: NDArray[np.float32] = module(images).float().cpu().numpy()
        return output

    return predict


def _watch(
    work: SegmentWork, method: Segmentation
) -> Callable[[Clock], dict[str, float] | None]:
    """Return the monitor: mIoU on val, every so many epochs and after the last one."""
    recipe, masks, place = work.recipe, work.masks, work.place
    every = max(1, round(recipe.train.epochs * recipe.train.val_every_percent / 100))
    image = recipe.image
    square = Square(image.input_px, image.interpolation, image.mean, image.std)
    kept: list[NDArray[np.uint8]] = []

    def watch(clock: Clock) -> dict[str, float] | None:
        if not masks.val or (clock.epoch % every and clock.epoch != clock.epochs):
            return None
        if not kept:
            kept.append(pixels_of(masks.val, square))
        predict = logits_of(method.segmenter.eval(), square, place.device)
        counts = confusions(kept[0], masks.val, len(masks.classes), predict)
        method.train()
        return {"val_miou": mean_iou(counts)}

    return watch
