"""A network to be diagnosed: pixels in, features out, and its modules where there are some."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgessl.artifact import Artifact
from edgessl.artifact.opened import giving_features
from edgessl.backbones import Backbone, Classifier, Deployable
from edgessl.data.preprocess import Preprocess
from edgessl.errors import UserError
from edgessl.metrics.features import extract_features

_BATCH = 64

Outputs = Callable[[NDArray[np.uint8]], Tensor]


@dataclass(frozen=True, slots=True)
class Subject:
    """A network to be diagnosed.

    Attributes:
        name: Tells it from the others.
        source: What the user named.
        outputs: Pixels ``(N, 3, H, W)`` uint8, as ``preprocess`` cuts them, to ``(N, D)`` float32
            on the CPU.
        gives: ``"features"``; or ``"logits"`` of a file that has nothing else.
        preprocess: How images are cut for it.
        backbone: The network inside, on ``device``; None of an exported file.
        classifier: Likewise, where it is one.
        device: Where it runs.
        provenance: What it says of where it comes from, as plain values.
        classes: Of its classifier; empty without one.
        notes: What the user is told of it.
    """

    name: str
    source: str
    outputs: Outputs
    gives: str
    preprocess: Preprocess
    backbone: Backbone | None = None
    classifier: Classifier | None = None
    device: str = "cpu"
    provenance: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def side_px(self) -> int:
        """Side of the images that it is given."""
        return self.preprocess.crop_px


def subject_of(
    deployable: Deployable, name: str, source: str, *, device: str, notes: tuple[str, ...] = ()
) -> Subject:
    """Take a network in memory; of a classifier its features are judged.

    Args:
        deployable: The network.
        name: Tells it from the others.
        source: What the user named.
        device: ``cpu``, ``cuda`` or ``mps``.
        notes: What the user is told of it.
    """
    preprocess = Preprocess.from_dict(deployable.preprocess)
    module = deployable.module.to(device).to(memory_format=torch.channels_last).eval()
    classifier = module if isinstance(module, Classifier) else None
    backbone = deployable.backbone

    def outputs(pixels: NDArray[np.uint8]) -> Tensor:
        found = extract_features(
            backbone, pixels, preprocess.mean, preprocess.std, device=device, batch_size=_BATCH
        )
        return _finite(found, source)

    return Subject(
        name, source, outputs, "features", preprocess, backbone, classifier, device,
        deployable.provenance, deployable.classes, notes,
    )  # fmt: skip


def subject_of_file(artifact: Artifact, name: str, source: str) -> Subject:
    """Take an exported file, by whatever it gives.

    Args:
        artifact: The file, opened.
        name: Tells it from the others.
        source: What the user named.

    Raises:
        UserError: It cuts images itself, so that no view can be shown to it.
    """
    metadata = artifact.known()
    artifact, enrols = giving_features(artifact), artifact.outputs is not None
    if artifact.takes == "pixels":
        raise UserError(
            f"{source}: must take images as they are cut for it, got a file with the cutting "
            "inside; pass the file without .e2e beside it"
        )
    preprocess = Preprocess.from_dict(metadata.preprocess)

    def outputs(pixels: NDArray[np.uint8]) -> Tensor:
        parts = [
            artifact.run(preprocess.normalise(np.asarray(pixels[start : start + _BATCH])))
            for start in range(0, len(pixels), _BATCH)
        ]
        return _finite(torch.from_numpy(np.concatenate(parts)).float(), source)

    gives = "features" if enrols or metadata.head == "features" else "logits"
    notes: tuple[str, ...] = ()
    if enrols:
        notes = (
            f"{name} is judged by the features that it enrols classes with, which are of length 1 "
            "and stretched so that its classes are equally wide; its checkpoint has others.",
        )
    elif gives == "logits":
        notes = (
            f"{name} gives {metadata.head} of {len(metadata.classes)} classes and no features: its "
            "numbers are of these outputs. Its checkpoint, or --head features at export, has the "
            "features.",
        )
    return Subject(
        name, source, outputs, gives, preprocess, provenance=metadata.provenance,
        classes=metadata.classes, notes=notes,
    )  # fmt: skip


def _finite(found: Tensor, source: str) -> Tensor:
    if found.ndim != 2:
        raise UserError(
            f"{source}: must give one row of numbers for each image, got shape "
            f"{tuple(found.shape)}; pass a file that `edgessl export` wrote"
        )
    wrong = int((~torch.isfinite(found)).any(dim=1).sum())
    if wrong:
        raise UserError(
            f"{source}: must give finite numbers, got others for {wrong} of {len(found)} images; "
            "diagnose a network that did not diverge"
        )
    return found


def stem_of(source: str) -> str:
    """Return a short name for what the user named.

    Args:
        source: Such as ``runs/pets/pretrained.pt`` or ``imagenet:resnet18``.
    """
    path = Path(source)
    if not path.exists() or path.is_dir():
        return path.name
    return f"{path.absolute().parent.name}/{path.name}"
