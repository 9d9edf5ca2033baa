"""A network or an exported file, run over the images of a set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from edgessl import checkpoint
from edgessl.artifact import Artifact, open_artifact
from edgessl.artifact.enrolled import NAME, with_enrolled
from edgessl.artifact.opened import SUFFIXES, giving_features
from edgessl.backbones import Deployable, deployable_from
from edgessl.data.decode import BadImage, read_image
from edgessl.data.parallel import ordered_map
from edgessl.data.preprocess import Preprocess, decode_eval
from edgessl.data.value_range import ValueRange
from edgessl.device import pick_device
from edgessl.errors import UserError, nearest
from edgessl.metrics.features import extract_features

_SHOWN = 8

Kind = Literal["features", "logits"]
"""What a network may give."""


def match_classes(
    data_classes: Sequence[str], model_classes: Sequence[str], where: str
) -> list[int]:
    """Find each class of the data among the classifier's.

    Args:
        data_classes: Class names of the images, in label order.
        model_classes: Class names in the order of the logits; may hold more.
        where: What the data is called, for the message.

    Returns:
        For each class of the data, the index of its logit.

    Raises:
        UserError: The classifier does not know a class; all such classes are listed.
    """
    position = {name: index for index, name in enumerate(model_classes)}
    unknown = [name for name in data_classes if name not in position]
    if unknown:
        listed = ", ".join(_with_hint(name, model_classes) for name in unknown[:_SHOWN])
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        raise UserError(
            f"{where}: must have only classes that the classifier knows, "
            f"got {len(unknown)} unknown: {listed}{more}; rename or remove them, "
            "or score the features with --protocol knn"
        )
    return [position[name] for name in data_classes]


def _with_hint(name: str, known: Sequence[str]) -> str:
    hint = nearest(name, known).removeprefix("; ")
    return f"'{name}' ({hint})" if hint else f"'{name}'"


_BATCH = 64


class Outputs(Protocol):
    """Runs a network over image files."""

    def __call__(self, files: Sequence[Path], digests: Sequence[str] | None = None) -> Tensor:
        """Return one row for each file.

        Args:
            files: The images.
            digests: SHA-1 of the content each had when it was listed; None if nobody relies on
                that.
        """
        ...


@dataclass(frozen=True, slots=True)
class Network:
    """What an evaluation needs of a network, wherever it is stored.

    Attributes:
        outputs: Images to features ``(N, D)`` or logits ``(N, K)``, float32 on the CPU. The
            originals are read through the network's own preprocessing, and must be what was
            listed.
        classes: Class names in the order of the logits; empty if it gives features.
        provenance: What the file says about where it comes from, as plain values.
        gives: What ``outputs`` returns.
        value_range: What was black and white in training images of more than 8 bits a channel.
        notes: What the user is told of it.
        head: What comes out: ``features``, ``logits`` or ``probs``.
        thresholds: Of its classes, if an image may show several of them; empty otherwise.
        temperature: What its logits are divided by already.
        reject_below: Probability of the answer below which it is "none of these"; None for an
            answer at all times.
    """

    outputs: Outputs
    classes: tuple[str, ...]
    provenance: Mapping[str, Any]
    gives: Kind
    value_range: ValueRange | None = None
    notes: tuple[str, ...] = ()
    head: str = ""
    thresholds: tuple[float, ...] = ()
    temperature: float = 1.0
    reject_below: float | None = None


def open_network(
    path: Path, reads: Kind | None = None, *, device: str = "cpu", trust: bool = False
) -> Network:
    """Open a checkpoint or an exported file for one kind of output.

    Args:
        path: A ``ckpt.pt``, or any file that ``edgessl export`` wrote.
        reads: What the protocol reads; None for what it gives by itself: a classifier logits, a
            backbone features.
        device: One of ``device.NAMES``, for a checkpoint; an exported file runs on the CPU.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.

    Raises:
        UserError: It is neither, or it does not give what the protocol reads.
    """
    if path.suffix.lower() in SUFFIXES:
        if device not in ("auto", "cpu"):
            raise UserError(
                f"--device: must be cpu for an exported file, got '{device}' for {path}; "
                "leave it out"
            )
        return _with_checks(_from_artifact(path, reads, trust=trust), path)
    return _with_checks(_from_checkpoint(path, reads, pick_device(device)), path)


def _with_checks(network: Network, path: Path) -> Network:
    """Refuse outputs that no score can be made of."""

    def outputs(files: Sequence[Path], digests: Sequence[str] | None = None) -> Tensor:
        found = network.outputs(files, digests)
        if found.ndim != 2 or len(found) != len(files):
            raise UserError(
                f"{path}: must give one row of numbers for each image, got shape "
                f"{tuple(found.shape)} for {len(files)}; pass a file that `edgessl export` wrote"
            )
        if network.classes and found.shape[1] != len(network.classes):
            raise UserError(
                f"{path}: must give a number for each of its {len(network.classes)} classes, got "
                f"{found.shape[1]}; export it again"
            )
        wrong = int((~torch.isfinite(found)).any(dim=1).sum())
        if wrong:
            raise UserError(
                f"{path}: must give finite numbers, got others for {wrong} of {len(files)} "
                "images; score a network that did not diverge"
            )
        return found

    return replace(network, outputs=outputs)


def _from_checkpoint(path: Path, reads: Kind | None, device: str) -> Network:
    return _of_deployable(deployable_from(checkpoint.load(path), str(path)), path, reads, device)


def network_of(deployable: Deployable, path: Path, reads: Kind | None, *, device: str) -> Network:
    """Take a network in memory for one kind of output.

    Args:
        deployable: The network.
        path: What it is called in messages.
        reads: What the protocol reads; None for what it gives by itself.
        device: One of ``device.NAMES``.

    Raises:
        UserError: It does not give what the protocol reads.
    """
    return _with_checks(_of_deployable(deployable, path, reads, pick_device(device)), path)


def _of_deployable(
    deployable: Deployable, path: Path, reads: Kind | None, device: str
) -> Network:
    reads = reads or ("logits" if deployable.head == "logits" else "features")
    if reads == "logits" and deployable.head != "logits":
        raise UserError(
            f"{path}: must be a classifier for --protocol top1, got a backbone with features; "
            "use --protocol knn or linear, or fine-tune it first: edgessl finetune"
        )
    chosen: nn.Module = deployable.module if reads == "logits" else deployable.backbone
    module = chosen.to(device).to(memory_format=torch.channels_last)
    preprocess = Preprocess.from_dict(deployable.preprocess)

    def outputs(files: Sequence[Path], digests: Sequence[str] | None = None) -> Tensor:
        pixels = decode_eval(files, preprocess, digests=digests)
        return extract_features(
            module, pixels, preprocess.mean, preprocess.std, device=device, batch_size=_BATCH
        )

    classes = deployable.classes if reads == "logits" else ()
    return Network(
        outputs, classes, deployable.provenance, reads, preprocess.value_range, head=reads,
        thresholds=deployable.thresholds if reads == "logits" else (),
        temperature=deployable.temperature,
    )  # fmt: skip


def _from_artifact(path: Path, reads: Kind | None, *, trust: bool) -> Network:
    opened = open_artifact(path, trust=trust)
    gives: Kind = "features"
    if reads == "features" and opened.outputs is not None:
        artifact, enrolled = giving_features(opened), None
    else:
        artifact, enrolled = with_enrolled(opened)
        gives = "features" if artifact.known().head == "features" else "logits"  # probs rank alike
    metadata = artifact.known()
    notes = () if enrolled is None else (f"Added to it in {NAME}, by images: {enrolled}.",)
    if reads not in (None, gives):
        way_out = "export it with --head features" if reads == "features" else "use --protocol knn"
        raise UserError(
            f"{path}: must give {reads} for this protocol, got a file with head "
            f"'{metadata.head}'; {way_out}"
        )
    preprocess = Preprocess.from_dict(metadata.preprocess)

    def batches(files: Sequence[Path], digests: Sequence[str] | None = None) -> Tensor:
        parts = []
        for part in (slice(i, i + _BATCH) for i in range(0, len(files), _BATCH)):
            known = digests[part] if digests else None
            pixels = decode_eval(files[part], preprocess, digests=known)
            parts.append(artifact.run(preprocess.normalise(pixels)))
        return torch.from_numpy(np.concatenate(parts)).float()

    def one_by_one(files: Sequence[Path], digests: Sequence[str] | None = None) -> Tensor:
        known: Sequence[str | None] = digests or [None] * len(files)
        rows = [*_whole_images(artifact, files, known, preprocess.value_range)]
        return torch.from_numpy(np.concatenate(rows)).float()

    outputs: Outputs = one_by_one if artifact.takes == "pixels" else batches
    classes = metadata.classes if gives == "logits" else ()
    return Network(
        outputs, classes, metadata.provenance, gives, preprocess.value_range, notes,
        head=metadata.head, thresholds=metadata.thresholds, temperature=metadata.temperature,
        reject_below=metadata.reject_below,
    )  # fmt: skip


def _whole_images(
    artifact: Artifact,
    files: Sequence[Path],
    digests: Sequence[str | None],
    value_range: ValueRange | None,
) -> Iterator[NDArray[np.float32]]:
    """Run images of any size through a file with its preprocessing inside."""
    # Whole images wait for their turn: few, or large ones would fill the memory.
    images = ordered_map(
        partial(_read, value_range=value_range), zip(files, digests, strict=True),
        threads=2, ahead=2,
    )  # fmt: skip
    for path, image in zip(files, images, strict=True):
        if isinstance(image, BadImage):
            raise UserError(f"{path}: must be an image, got: {image}; replace it") from image
        yield artifact.run(np.asarray(image, dtype=np.uint8)[None])


def _read(
    file: tuple[Path, str | None], value_range: ValueRange | None
) -> Image.Image | BadImage:
    try:
        return read_image(file[0], digest=file[1], value_range=value_range)
    except BadImage as bad:
        return bad
