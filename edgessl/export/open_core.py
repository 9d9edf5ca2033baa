"""A checkpoint, opened for export: its network, what it says of itself, and its test images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgessl import checkpoint
from edgessl.artifact import Metadata
from edgessl.backbones import deployable_from
from edgessl.data.preprocess import Preprocess
from edgessl.export.core import Core
from edgessl.export.gates.held_out import held_out
from edgessl.export.network import with_head
from edgessl.export.provenance import portable
from edgessl.export.target import Target


def open_core(path: Path, target: Target, *, head: str | None, data: str | None) -> Core:
    """Read a checkpoint, and find the images its scores were measured on.

    Args:
        path: The ``ckpt.pt`` of a run folder.
        target: What the files are for.
        head: ``"logits"``, ``"probs"`` or ``"features"``; None for the checkpoint's own.
        data: Data set for the accuracy gate; None for the one the checkpoint was trained on.

    Raises:
        UserError: It is no such checkpoint, has no such head, or the data does not fit.
    """
    deployable = deployable_from(checkpoint.load(path), str(path))
    head = head or deployable.head
    network = with_head(deployable, head, str(path))
    classes = () if head == "features" else deployable.classes
    test = held_out(replace(deployable, classes=classes), data)
    metadata = Metadata(
        head=head,
        classes=classes,
        preprocess=deployable.preprocess,
        input_px=Preprocess.from_dict(deployable.preprocess).crop_px,
        provenance=portable({"checkpoint": path.name, **deployable.provenance}),
    )
    return Core(network, metadata, target, test, deployable.provenance)
