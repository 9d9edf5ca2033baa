"""Segmentation as a task: a class for each pixel, judged by mIoU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from edgessl.backbones import Backbone
from edgessl.dense.images import SPLITS
from edgessl.dense.masks.load import load_masks
from edgessl.dense.masks.masked import MaskedImage, MaskSet, read_mask
from edgessl.dense.originals import pack_px
from edgessl.dense.segmentation.deploy import Segmenter, segmenter_from, segmenter_payload
from edgessl.dense.segmentation.judged import judge, load_judged
from edgessl.dense.segmentation.method import Segmentation
from edgessl.dense.segmentation.miou import at_full_size
from edgessl.dense.segmentation.network import LrAspp
from edgessl.dense.segmentation.paint import colours, painted
from edgessl.dense.segmentation.sampler import MaskSampler
from edgessl.dense.task import (
    Array,
    Data,
    Drawing,
    Files,
    Judging,
    Learner,
    Learning,
    Task,
    Variant,
)
from edgessl.errors import UserError
from edgessl.recipe.load_dense import load_segmenter
from edgessl.recipe.segmenter_table import TASK, SegmenterRecipe
from edgessl.runs.stages import SEGMENT, SEGMENT_ARMS
from edgessl.train.place.context import Workplace

HEAD = "pixels"
"""The output: logits ``(batch, K, S, S)``."""
WHOLE = "pixel_logits"
"""The same, of a file whose input is called ``pixels``."""
TOLD_SHARE = 0.001
"""Of an image: classes under it are not told."""


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


def _drawn(
    image: Image.Image, logits: NDArray[np.float32], classes: Sequence[str]
) -> Image.Image:
    answer = at_full_size(logits, image.height, image.width)
    return painted(image, answer, len(classes))


def _truth(image: Image.Image, truth: MaskedImage, classes: Sequence[str]) -> Image.Image:
    return painted(image, read_mask(truth.mask, len(classes)), len(classes))


def _told(
    logits: NDArray[np.float32], size: tuple[int, int], classes: Sequence[str]
) -> dict[str, Any]:
    width, height = size
    answer = at_full_size(logits, height, width)
    shares = np.bincount(answer.ravel(), minlength=len(classes)) / answer.size
    order = np.argsort(-shares, kind="stable")
    return {"pixels": [
        {"name": classes[i], "share": float(shares[i])} for i in order if shares[i] >= TOLD_SHARE
    ]}  # fmt: skip


def _facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [("pixels right", f"{document['pixel_accuracy']:.1f} %")]


def _values(document: Mapping[str, Any]) -> dict[str, Any]:
    classes = document["classes"]
    return {
        "rows": list(zip(classes, colours(len(classes)), strict=True)),
        "shares": [
            [round(100 * one / max(1, sum(row)), 1) for one in row]
            for row in document["pixel_confusion"]
        ],
    }


def _variants(raw: Any, segmenter: Segmenter) -> list[Variant]:
    return [Variant("model.onnx", HEAD, "any runtime of ONNX: logits of every pixel", raw)]


def _read(head: str, output: Array, images: int) -> list[Array]:
    return list(output)


def _about(segmenter: Segmenter) -> dict[str, Any]:
    return {
        HEAD: "(batch, classes, input_px, input_px) logits; resize them to the image and take the "
        "largest",
        "colours": colours(len(segmenter.classes)),
    }


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
    Drawing(
        HEAD, _drawn, _truth, _told, "segmenter.html.j2", 6, "Masks on test images",
        "What it says, left, beside what was annotated, right; pixels without a class are not "
        "painted.",
        _facts, _values,
    ),
    Files(
        HEAD, WHOLE, _variants, ("model.torchscript", "libtorch: logits of every pixel"), _read,
        lambda _checkpoint, _file, _free: [], "mIoU through the file", "segmenter",
        "paints the classes of pixels, tests itself, times; numpy, pillow and onnxruntime only",
        _about, lambda output: ("classes", output.argmax(axis=1).astype(np.uint8)), np.concatenate,
    ),
)  # fmt: skip
