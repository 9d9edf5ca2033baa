"""A checkpoint or an exported file as a function from stored pixels to outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgessl import checkpoint
from edgessl.artifact import open_artifact
from edgessl.backbones import deployable_from
from edgessl.data.preprocess import Preprocess
from edgessl.errors import UserError
from edgessl.metrics.features import extract_features

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Network:
    """What an evaluation needs of a network, wherever it is stored.

    Attributes:
        outputs: Pixels ``(N, 3, H, W)`` uint8 to features ``(N, D)`` or logits ``(N, K)``, float32
            on the CPU.
        preprocess: How files become the pixels.
        classes: Class names in the order of the logits; empty if it gives features.
        provenance: What the file says about where it comes from, as plain values.
    """

    outputs: Callable[[NDArray[np.uint8]], Tensor]
    preprocess: Preprocess
    classes: tuple[str, ...]
    provenance: Mapping[str, Any]


def open_network(
    path: Path, reads: Literal["features", "logits"], *, device: torch.device | str = "cpu"
) -> Network:
    """Open a checkpoint or an exported file for one kind of output.

    Args:
        path: A ``ckpt.pt``, or a ``.onnx`` or ``.torchscript`` file that ``edgessl export`` wrote.
        reads: What the protocol reads.
        device: Where a checkpoint runs; an exported file runs on the CPU.

    Raises:
        UserError: It is neither, or it does not give what the protocol reads.
    """
    if path.suffix.lower() in (".onnx", ".torchscript"):
        return _from_artifact(path, reads)
    return _from_checkpoint(path, reads, device)


def _from_checkpoint(
    path: Path, reads: Literal["features", "logits"], device: torch.device | str
) -> Network:
    deployable = deployable_from(checkpoint.load(path), str(path))
    if reads == "logits" and deployable.head != "logits":
        raise UserError(
            f"{path}: must be a classifier for --protocol top1, got a backbone with features; "
            "use --protocol knn or linear, or fine-tune it first: edgessl finetune"
        )
    chosen: nn.Module = deployable.module if reads == "logits" else deployable.backbone
    module = chosen.to(device).to(memory_format=torch.channels_last)
    preprocess = Preprocess.from_dict(deployable.preprocess)

    def outputs(pixels: NDArray[np.uint8]) -> Tensor:
        return extract_features(
            module, pixels, preprocess.mean, preprocess.std, device=device, batch_size=_BATCH
        )

    classes = deployable.classes if reads == "logits" else ()
    return Network(outputs, preprocess, classes, deployable.provenance)


def _from_artifact(path: Path, reads: Literal["features", "logits"]) -> Network:
    artifact = open_artifact(path)
    metadata = artifact.known()
    gives = "features" if metadata.head == "features" else "logits"  # probabilities rank alike
    if gives != reads:
        way_out = "export it with --head features" if reads == "features" else "use --protocol knn"
        raise UserError(
            f"{path}: must give {reads} for this protocol, got a file with head "
            f"'{metadata.head}'; {way_out}"
        )
    preprocess = Preprocess.from_dict(metadata.preprocess)

    def outputs(pixels: NDArray[np.uint8]) -> Tensor:
        batches = [
            artifact.run(preprocess.normalise(pixels[start : start + _BATCH]))
            for start in range(0, len(pixels), _BATCH)
        ]
        return torch.from_numpy(np.concatenate(batches)).float()

    return Network(outputs, preprocess, metadata.classes, metadata.provenance)
