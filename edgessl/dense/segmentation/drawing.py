"""How classes of pixels are shown: over images, on the page, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.dense.masks.masked import MaskedImage, read_mask
from edgessl.dense.segmentation.files import HEAD
from edgessl.dense.segmentation.miou import at_full_size
from edgessl.dense.segmentation.paint import colours, painted
from edgessl.dense.task import Drawing

TOLD_SHARE = 0.001
"""Of an image: classes under it are not told."""


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


DRAWING = Drawing(
    HEAD, _drawn, _truth, _told, "segmenter.html.j2", 6, "Masks on test images",
    "What it says, left, beside what was annotated, right; pixels without a class are not "
    "painted.",
    _facts, _values,
)  # fmt: skip
