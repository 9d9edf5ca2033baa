"""The checks that every written file goes through, whatever its format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact import Artifact, Metadata
from edgessl.artifact.opened import NEEDS_TORCH
from edgessl.export.core import Core
from edgessl.export.formats.front import open_inside
from edgessl.export.gates.gate import Gate
from edgessl.export.gates.parity import BATCHES, Run, check_parity, extreme_images, extreme_pixels
from edgessl.export.gates.preprocessing import check_preprocessing
from edgessl.export.gates.structure import check_bytes, check_labels, check_structure, shaped_images
from edgessl.export.product import Product

Array = NDArray[Any]

BASIC = frozenset(
    ("structure", "labels", "preprocessing", "parity on extremes", "parity on images")
)
"""Gates without which a file is not run over the test images."""


def check_file(core: Core, product: Product, path: Path) -> Gate:
    """Check the structure of a file; if it fails, it may not even open.

    Args:
        core: The network.
        product: What the file is to be.
        path: The file.
    """
    if product.format != "onnx":
        return check_bytes(path)
    return check_structure(
        path, opset=core.target.opset, output=core.metadata.head, takes=product.takes,
        batch=product.batch,
    )


def check_answers(
    core: Core, product: Product, artifact: Artifact, written: Metadata
) -> tuple[Gate, ...]:
    """Compare an opened file with the checkpoint: labels, numbers, preprocessing.

    Args:
        core: The network.
        product: What the file is to be.
        artifact: The file.
        written: The metadata it must carry.

    Returns:
        The gates, with those that only this product has at the end.
    """
    gates = [check_labels(artifact, written, _width(artifact, core))]
    if product.takes == "pixels":
        shaped = shaped_images(core.test.paths, core.metadata.input_px)
        gates.append(check_preprocessing(open_inside(artifact.path), core.preprocess, shaped))
    if gates[-1].status == "pass":  # else there is nothing to compare the answers on
        gates += _parities(core, product, artifact)
    return (*gates, *product.more_gates(artifact.path))


def sample_input(core: Core, product: Product) -> Array:
    """Return one image of noise as a file takes it.

    Args:
        core: The network.
        product: What the file is.
    """
    side = core.metadata.input_px
    return (extreme_pixels if product.takes == "pixels" else extreme_images)(side)[-1:]


def needs_torch(product: Product) -> bool:
    """Say whether a file cannot be run without PyTorch."""
    return product.format in NEEDS_TORCH


def _width(artifact: Artifact, core: Core) -> int | None:
    """Return the number of outputs of one image, or None where not even that runs."""
    side = core.metadata.input_px
    image = extreme_pixels(side) if artifact.takes == "pixels" else extreme_images(side)
    try:
        return int(artifact.run(image[:1]).shape[1])
    except Exception:  # the runtime's own exceptions; the parity gate tells which
        return None


def _parities(core: Core, product: Product, artifact: Artifact) -> Iterator[Gate]:
    reference, images = _compared(core, product, artifact)
    for name, batch in images.items():
        if batch is None:
            yield Gate(name, "skip", core.test.missing)
            continue
        yield check_parity(
            name, reference, artifact.run, batch,
            atol=None if product.precision == "int8" else core.target.atol,
            rtol=core.target.rtol, classifies=bool(core.metadata.classes),
        )


def _compared(
    core: Core, product: Product, artifact: Artifact
) -> tuple[Run, dict[str, Array | None]]:
    """Return what the file is compared with, and the images to do it on, by gate."""
    side = core.metadata.input_px
    pixels = core.test.some_pixels(core.preprocess, sum(BATCHES))
    if product.takes == "normalised":
        real = None if pixels is None else core.preprocess.normalise(pixels)
        return core.reference, {
            "parity on extremes": extreme_images(side), "parity on images": real,
        }
    inside = open_inside(artifact.path)

    def reference(batch: Array) -> NDArray[np.float32]:
        # Its preprocessing has a gate of its own: here the network alone is compared.
        return core.reference(inside(batch)) if inside else core.reference(batch)

    channels_last = None if pixels is None else np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
    return reference, {
        "parity on extremes": extreme_pixels(side), "parity on images": channels_last,
    }
