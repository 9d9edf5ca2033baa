"""How segmenters are exported."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgessl.dense.segmentation.deploy import Segmenter
from edgessl.dense.segmentation.paint import colours
from edgessl.dense.task import Array, Files, Variant

HEAD = "pixels"
"""The output: logits ``(batch, K, S, S)``."""
WHOLE = "pixel_logits"
"""The same, of a file whose input is called ``pixels``."""


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


FILES = Files(
    HEAD, WHOLE, _variants, ("model.torchscript", "libtorch: logits of every pixel"), _read,
    lambda _checkpoint, _file, _free: [], "mIoU through the file",
    "paints the classes of pixels, tests itself, times; numpy, pillow and onnxruntime only",
    _about, lambda output: ("classes", output.argmax(axis=1).astype(np.uint8)), np.concatenate,
)  # fmt: skip
