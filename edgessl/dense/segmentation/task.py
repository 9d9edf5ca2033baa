"""Segmentation as a task: a class for each pixel, judged by mIoU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from edgessl.backbones import Backbone
from edgessl.dense.images import SPLITS
from edgessl.dense.masks.load import load_masks
from edgessl.dense.masks.masked import MaskedImage, MaskSet, read_mask
from edgessl.dense.originals import pack_px
from edgessl.dense.segmentation.deploy import segmenter_from, segmenter_payload
from edgessl.dense.segmentation.drawing import DRAWING
from edgessl.dense.segmentation.files import FILES
from edgessl.dense.segmentation.judged import judge, load_judged
from edgessl.dense.segmentation.method import Segmentation
from edgessl.dense.segmentation.network import LrAspp
from edgessl.dense.segmentation.sampler import MaskSampler
from edgessl.dense.task import Data, Judging, Learner, Learning, Task
from edgessl.errors import UserError
from edgessl.recipe.load_dense import load_segmenter
from edgessl.recipe.segmenter_table import TASK, SegmenterRecipe
from edgessl.runs.stages import SEGMENT, SEGMENT_ARMS
from edgessl.train.place.context import Workplace


def _described(masks: MaskSet) -> str:
    counts = ", ".join(f"{len(masks.split(name))} {name}" for name in SPLITS)
    return f"{masks.name}: {counts} images with masks, {len(masks.classes)} classes."


def _renumbered(
    masks: MaskSet, classes: Sequence[str], images: Sequence[MaskedImage]
) -> Sequence[MaskedImage]:
    """Refuse a set of other classes: a mask's values are places in ``classes.txt``."""
    if masks.classes != tuple(classes):
        raise UserError(
            f"{masks.source}: must have the segmenter's classes ({', '.join(classes)}) in this "
            f"order, got {', '.join(masks.classes)}; pass the data it was trained for"
        )
    return images


def _learner(
    backbone: Backbone, recipe: SegmenterRecipe, masks: MaskSet, place: Workplace, given: bool
) -> Learner:
    side = recipe.image.input_px
    segmenter = LrAspp(backbone, len(masks.classes), recipe.segmenter, side)
    sampler = MaskSampler(
        packed_masks(masks.train, len(masks.classes), pack_px(side)), recipe.image,
        recipe.train.augment, place.engine.memory_format,
    )
    return Learner(
        Segmentation(segmenter), sampler, segmenter, list,
        lambda provenance: segmenter_payload(
            segmenter, classes=masks.classes, image=recipe.image, provenance=provenance
        ),
    )


def packed_masks(images: Sequence[MaskedImage], classes: int, side: int) -> Tensor:
    """Return masks squashed to a square, ``(N, P, P)`` uint8."""
    out = np.empty((len(images), side, side), np.uint8)
    for i, one in enumerate(images):
        mask = Image.fromarray(read_mask(one.mask, classes, one.mask_digest))
        out[i] = np.asarray(mask.resize((side, side), Image.Resampling.NEAREST))
    return torch.from_numpy(out)


SEGMENTATION = Task(
    TASK, "segmenter", SEGMENT, SEGMENT_ARMS,
    Data(load_masks, _described, "file(s)", _renumbered),
    Learning(load_segmenter, _learner, segmenter_from),
    Judging(
        "miou", "mIoU",
        "Mean intersection over union over all pixels of the test images, at their own size; 95 % "
        "intervals over images drawn again and again.",
        4, judge, "counts.npy", load_judged,
    ),
    DRAWING, FILES,
)  # fmt: skip
