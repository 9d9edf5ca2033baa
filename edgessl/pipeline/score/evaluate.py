"""The story of ``edgessl eval``: a checkpoint or a file, scored on a labelled set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from edgessl.data.dataset import Dataset, Split, as_scaled_by
from edgessl.data.given import list_given
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.errors import UserError, nearest
from edgessl.evaluate.fused import fused_network
from edgessl.evaluate.network import Network, match_classes
from edgessl.evaluate.protocols import PROTOCOLS, LabelledOutputs, Protocol, SplitName
from edgessl.metrics.topk import confusion_matrix
from edgessl.pipeline.general import AS_THEY_ARE, AsFeatures
from edgessl.pipeline.results import Run
from edgessl.pipeline.score.certainty import certainty_of
from edgessl.pipeline.score.evaluate_tags import (
    TAGS_PROTOCOL,
    TAGS_PROTOCOLS,
    EvaluatedTags,
    evaluate_tags,
)
from edgessl.pipeline.score.evaluated import Evaluated
from edgessl.pipeline.score.scored_images import choose_images, seen_of
from edgessl.pipeline.score.scored_network import open_scored

__all__ = ["Evaluated", "EvaluatedTags", "evaluate", "evaluate_model", "evaluate_tags"]

_KNOWN = (*PROTOCOLS, *TAGS_PROTOCOLS)
NATURAL = {"features": "knn", "logits": "top1"}
"""The protocol for what a network gives, where none is asked for."""


def evaluate(
    model: str | Path | Run,
    *,
    data: str | Path,
    protocol: str | None = None,
    device: str = "auto",
    reading: Reading = AS_FOUND,
    backbone: str | None = None,
    size: int | None = None,
    trust: bool = False,
    fuse: Sequence[str | Path] = (),
    say: Callable[[str], None] = lambda _line: None,
) -> Evaluated | EvaluatedTags:
    """Score a checkpoint or an exported file on labelled images.

    All that is given is scored, of a source with splits its ``test``. Data that the network's own
    run was made on stay split as they were.

    Args:
        model: A ``ckpt.pt``, any file that ``export`` wrote, or a finished run; or general weights:
            ``imagenet:BACKBONE``, ``timm:NAME``, or a file of others.
        data: Labelled images: a named set, a folder, or a CSV manifest.
        protocol: ``knn`` or ``linear`` on its features, ``top1`` of the classifier, or ``map``
            (``map11``: of VOC2007's 11 points) for images with several labels each; None for
            ``top1`` of a classifier, ``knn`` of a backbone, and ``map`` where the images have
            several labels.
        device: Where a checkpoint runs: ``auto``, ``cpu``, ``cuda`` or ``mps``; an exported file
            runs on the CPU.
        reading: How the folder or the table is to be read, where that is said.
        backbone: What a file of others holds; None to find out.
        size: Side of the images in px for general weights; None for 128.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.
        fuse: Further networks whose features are laid beside this one's.
        say: Called with the name of each step.

    Returns:
        The outcome; its ``.score`` has ``value``, ``low`` and ``high`` in percent, and ``n``, and
        its ``.majority`` what always answering the most frequent class would give.

    Raises:
        UserError: Something asked for does not exist or does not fit.

    Examples:
        >>> import edgessl
        >>> model = "runs/photos-mobilenetv2-dino/model.onnx"
        >>> edgessl.evaluate(model, data="labelled").score.n  # images scored
        4
    """
    path = model.checkpoint if isinstance(model, Run) else Path(model)
    asked = AsFeatures(backbone, size)
    if protocol is None:
        entries = list_given(str(data), reading).entries
        protocol = TAGS_PROTOCOL if any(one.tags is not None for one in entries) else None
    if protocol in TAGS_PROTOCOLS:
        if fuse:
            raise UserError(
                f"--fuse: must come with --protocol linear or knn, got {protocol}; leave it out"
            )
        return evaluate_tags(
            path, str(data), asked, protocol=protocol, device=device, reading=reading,
            trust=trust, say=say,
        )  # fmt: skip
    return evaluate_model(
        path, str(data), protocol, asked, device=device, reading=reading, trust=trust,
        fuse=fuse, say=say,
    )  # fmt: skip


def evaluate_model(
    model: Path,
    data: str,
    protocol_name: str | None = None,
    asked: AsFeatures = AS_THEY_ARE,
    *,
    device: str = "cpu",
    reading: Reading = AS_FOUND,
    trust: bool = False,
    fuse: Sequence[str | Path] = (),
    say: Callable[[str], None] = lambda _line: None,
) -> Evaluated:
    """Score a checkpoint or an exported file on images with one label each.

    The original files are read through the network's own preprocessing. On the data of its own
    run they are split as that run split them, so that the score is the run's.

    Args:
        model: A ``ckpt.pt``, or any file that ``edgessl export`` wrote.
        data: What the user passed as ``--data``.
        protocol_name: A key of ``PROTOCOLS``; None for the one of ``NATURAL``.
        asked: How general weights are opened.
        device: Where a checkpoint runs; an exported file runs on the CPU.
        reading: How the images are to be read; if nothing is said, as the network's own run did.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.
        fuse: Further networks whose features are laid beside this one's (Cole, Table 3).
        say: Called with the name of each step.

    Raises:
        UserError: Something asked for does not exist or does not fit.
    """
    reads = None if protocol_name is None else _protocol(protocol_name).reads
    network = open_scored(model, reads, asked, device=device, trust=trust)
    if network.thresholds and network.gives == "logits":
        raise UserError(
            f"{model}: must be a classifier of one label an image for --protocol top1, got one of "
            "several; give it images with several labels and --protocol map, or pass --protocol knn"
        )
    name = protocol_name or NATURAL[network.gives]
    protocol = _protocol(name)
    others = [open_scored(Path(one), "features", asked, device=device, trust=trust) for one in fuse]
    if fuse:
        _refuse_fused(name, protocol)
        network = fused_network((network, *others))
    say("checking images")
    images = choose_images(data, name, protocol, model, network.provenance, reading)
    if fuse:
        beside = [(Path(one), other.provenance) for one, other in zip(fuse, others, strict=True)]
        seen = seen_of(images.dataset, [(model, network.provenance), *beside])
        images = replace(images, trained_on=seen)
    images = replace(images, dataset=as_scaled_by(network.value_range, images.dataset))
    dataset = images.dataset
    classes, index = dataset.classes, list(range(len(dataset.classes)))
    if protocol.reads == "logits":
        index = match_classes(dataset.classes, network.classes, dataset.name)
        classes = network.classes
    outputs = _outputs(network, dataset, protocol, index, say)
    say(f"scoring ({name})")
    evaluation = protocol.score(outputs, len(classes))
    confusion = confusion_matrix(evaluation.predictions, outputs["test"].labels, len(classes))
    return Evaluated(
        model, name, images, evaluation, classes, confusion.tolist(),
        network.provenance.get("weights", {}), network.notes,
        certainty_of(network, outputs["test"]) if protocol.reads == "logits" else None,
    )  # fmt: skip


def _refuse_fused(name: str, protocol: Protocol) -> None:
    if protocol.reads != "features":
        raise UserError(
            f"--fuse: must come with --protocol linear or knn, which read features, got {name}; "
            f"pass --protocol linear"
        )


def _protocol(name: str) -> Protocol:
    if name not in PROTOCOLS:
        raise UserError(
            f"--protocol: must be one of {', '.join(_KNOWN)}, got '{name}'"
            f"{nearest(name, _KNOWN)}"
        )
    return PROTOCOLS[name]


def _outputs(
    network: Network,
    dataset: Dataset,
    protocol: Protocol,
    index: list[int],
    say: Callable[[str], None],
) -> dict[SplitName, LabelledOutputs]:
    splits: dict[SplitName, Split] = {
        "train": dataset.train, "val": dataset.val, "test": dataset.test,
    }  # fmt: skip
    outputs: dict[SplitName, LabelledOutputs] = {}
    for name in protocol.splits:
        split = splits[name]
        say(f"reading {len(split)} {name} images")
        labels = torch.tensor([index[label] for label in split.labels or ()], dtype=torch.int64)
        if not len(split):  # no val: the linear probe then cross-validates on train
            outputs[name] = LabelledOutputs(torch.empty(0, 0), labels)
            continue
        outputs[name] = LabelledOutputs(network.outputs(split.paths, split.digests), labels)
    return outputs

