"""The checks that every written file goes through, whatever its format."""

from __future__ import annotations

from pathlib import Path

from edgessl.artifact import Artifact, Metadata
from edgessl.artifact.opened import NEEDS_TORCH
from edgessl.export.core import Core
from edgessl.export.extremes import extreme_images
from edgessl.export.gate import Gate
from edgessl.export.labels import check_labels
from edgessl.export.parity import BATCHES, check_parity
from edgessl.export.product import Product
from edgessl.export.structure import check_structure

NO_CHANCE = "the file does not open"


def check_file(core: Core, product: Product, path: Path) -> Gate | None:
    """Check the structure of an ONNX file; if it fails, it may not even open.

    Args:
        core: The network.
        product: What the file is to be.
        path: The file.

    Returns:
        The gate, or None for formats that have no rules but to open.
    """
    if product.format != "onnx":
        return None
    return check_structure(
        path, opset=core.target.opset, output=core.metadata.head, takes=product.takes,
        batch=product.batch,
    )


def check_answers(
    core: Core, product: Product, artifact: Artifact, written: Metadata
) -> tuple[Gate, ...]:
    """Compare an opened file with the checkpoint: labels, numbers, and what it checks itself.

    Args:
        core: The network.
        product: What the file is to be.
        artifact: The file.
        written: The metadata it must carry.
    """
    images = extreme_images(core.metadata.input_px)
    gates = [check_labels(artifact, written, artifact.run(images[:1]).shape[1])]
    real = core.test.some_images(core.preprocess, sum(BATCHES))
    for name, batch in (("parity on extremes", images), ("parity on images", real)):
        if batch is None:
            gates.append(Gate(name, "skip", core.test.missing))
            continue
        gates.append(
            check_parity(
                name, core.reference, artifact.run, batch,
                atol=core.target.atol, rtol=core.target.rtol,
                classifies=bool(core.metadata.classes),
            )
        )
    return (*gates, *product.more_gates(artifact.path))


def needs_torch(product: Product) -> bool:
    """Say whether a file cannot be run without PyTorch."""
    return product.format in NEEDS_TORCH
