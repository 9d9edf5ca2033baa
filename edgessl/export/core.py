"""The network of an export: opened, traced, with what its files are compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgessl import checkpoint
from edgessl.artifact import Metadata
from edgessl.backbones import Deployable, deployable_from
from edgessl.backbones.prototypes import PrototypeClassifier, ScoresAndFeatures
from edgessl.data.preprocess import Preprocess
from edgessl.errors import UserError
from edgessl.export.formats.graph import export_graph
from edgessl.export.gates.accuracy import HeldOut, held_out
from edgessl.export.prototypes import with_prototypes
from edgessl.export.target import Target

HEADS = ("logits", "probs", "features", "prototypes")


def with_head(deployable: Deployable, head: str, where: str) -> nn.Module:
    """Return the network that computes one kind of output.

    Args:
        deployable: The checkpoint's content.
        head: ``"logits"``, ``"probs"`` (softmax of the logits, or the
            sigmoid of each where an image may have several labels) or ``"features"`` (the
            backbone's).
        where: The checkpoint's name, for the message.

    Returns:
        Images ``(B, 3, H, W)`` to ``(B, K)``, in eval mode.

    Raises:
        UserError: The head is unknown, or needs a classifier that the checkpoint lacks.
    """
    if head not in HEADS:
        raise UserError(
            f"--head: must be one of {', '.join(HEADS)}, got '{head}'; leave it out for the "
            "checkpoint's own"
        )
    if head == "features":
        return deployable.backbone.eval()
    if deployable.head == "features":
        raise UserError(
            f"--head: must be features, for {where} has no classifier, got '{head}'; "
            "fine-tune it first: edgessl finetune"
        )
    if head == "probs":
        last = nn.Sigmoid() if deployable.thresholds else nn.Softmax(dim=1)
        return nn.Sequential(deployable.module, last).eval()
    return deployable.module.eval()


def portable(value: Any) -> Any:
    """Replace every absolute path in plain values by its last part.

    Args:
        value: A string, number, None, or lists and dicts of them.

    Returns:
        The same without folders of this machine.
    """
    if isinstance(value, dict):
        return {key: portable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [portable(item) for item in value]
    if not isinstance(value, str):
        return value
    for path in (PurePosixPath(value), PureWindowsPath(value)):
        if path.is_absolute():
            return path.name
    return value


@dataclass(frozen=True)
class Core:
    """A checkpoint's network, ready to be written in any format.

    Attributes:
        network: Images ``(B, 3, S, S)`` to ``(B, K)``, in eval mode.
        metadata: What each file says about itself, but for what is its own.
        target: What the files are for.
        test: The images the checkpoint's scores were measured on.
        provenance: The checkpoint's own, absolute paths included: it never goes into a file.
    """

    network: torch.nn.Module
    metadata: Metadata
    target: Target
    test: HeldOut
    provenance: dict[str, Any]

    @cached_property
    def graph(self) -> Any:
        """The ONNX graph with a dynamic batch, made once; copy it before a change."""
        network: nn.Module = self.network
        if isinstance(network, PrototypeClassifier):
            network = ScoresAndFeatures(network).eval()
        return export_graph(
            network, self.metadata.input_px, self.metadata.head, self.target.opset
        )

    @property
    def preprocess(self) -> Preprocess:
        """The evaluation transform."""
        return Preprocess.from_dict(self.metadata.preprocess)

    @property
    def reference(self) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        """The network as a function of arrays: what every file is compared with."""
        network = self.network

        def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
            with torch.inference_mode():
                output: NDArray[np.float32] = network(torch.from_numpy(images)).numpy()
            return output

        return run


def open_core(path: Path, target: Target, *, head: str | None, data: str | None) -> Core:
    """Read a checkpoint, and find the images its scores were measured on.

    Args:
        path: The ``ckpt.pt`` of a run folder.
        target: What the files are for.
        head: One of ``HEADS``; None for the checkpoint's own, and ``"probs"`` where images may
            have several labels.
        data: Data set for the accuracy gate; None for the one the checkpoint was trained on.

    Raises:
        UserError: It is no such checkpoint, has no such head, or the data does not fit.
    """
    deployable = deployable_from(checkpoint.load(path), str(path))
    head = head or ("probs" if deployable.thresholds else deployable.head)
    if head == "prototypes":
        return _with_prototypes(deployable, path, target, data)
    network = with_head(deployable, head, str(path))
    classes = () if head == "features" else deployable.classes
    thresholds = () if head == "features" else deployable.thresholds
    test = held_out(deployable.provenance, classes, data, several=bool(thresholds))
    calibrated = head != "features" and deployable.calibration
    calibration = {"calibration": deployable.calibration} if calibrated else {}
    metadata = Metadata(
        head=head,
        classes=classes,
        preprocess=deployable.preprocess,
        input_px=Preprocess.from_dict(deployable.preprocess).crop_px,
        provenance=portable({"checkpoint": path.name, **deployable.provenance, **calibration}),
        thresholds=thresholds,
        temperature=1.0 if head == "features" else deployable.temperature,
    )
    return Core(network, metadata, target, test, deployable.provenance)


def _with_prototypes(
    deployable: Deployable, path: Path, target: Target, data: str | None
) -> Core:
    network, prototypes, fitted = with_prototypes(deployable, str(path), data)
    calibration = {**fitted.to_dict(), "temperature": 1.0 / prototypes.scale}
    metadata = Metadata(
        head="prototypes",
        classes=deployable.classes,
        preprocess=deployable.preprocess,
        input_px=Preprocess.from_dict(deployable.preprocess).crop_px,
        provenance=portable(
            {"checkpoint": path.name, **deployable.provenance, "calibration": calibration}
        ),
        temperature=1.0 / prototypes.scale,
        prototypes=prototypes.model_dump(),
    )
    test = held_out(deployable.provenance, deployable.classes, data)
    return Core(network, metadata, target, test, deployable.provenance)
