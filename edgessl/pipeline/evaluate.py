"""The story of ``edgessl eval``: a checkpoint or a file, scored on a labelled set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from edgessl.backbones import deployable_from
from edgessl.data.dataset import Dataset, Split
from edgessl.data.divide import without_val
from edgessl.data.load import dataset_of, load_dataset
from edgessl.errors import UserError, nearest
from edgessl.evaluate.network import Network, match_classes, network_of, open_network
from edgessl.evaluate.protocols import PROTOCOLS, Evaluation, LabelledOutputs, Protocol, SplitName
from edgessl.metrics.interval import Score
from edgessl.metrics.tags import class_precisions, fit_tag_probe, mean_average_precision
from edgessl.metrics.topk import confusion_matrix
from edgessl.pipeline.general import AS_THEY_ARE, AsFeatures, is_general, open_general
from edgessl.pipeline.results import Run

TAGS_PROTOCOL = "map"
_KNOWN = (*PROTOCOLS, TAGS_PROTOCOL)


def evaluate(
    model: str | Path | Run,
    *,
    data: str | Path,
    protocol: str = "top1",
    device: str = "auto",
    backbone: str | None = None,
    size: int | None = None,
    trust: bool = False,
    say: Callable[[str], None] = lambda _line: None,
) -> Evaluated | EvaluatedTags:
    """Score a checkpoint or an exported file on labelled images.

    Args:
        model: A ``ckpt.pt``, any file that ``export`` wrote, or a finished run; or general weights:
            ``imagenet:BACKBONE``, ``timm:NAME``, or a file of others.
        data: Labelled images: a named set, a folder, or a CSV manifest.
        protocol: ``knn`` or ``linear`` on its features, ``top1`` of the classifier, or ``map`` for
            images with several labels each.
        device: Where a checkpoint runs: ``auto``, ``cpu``, ``cuda`` or ``mps``; an exported file
            runs on the CPU.
        backbone: What a file of others holds; None to find out.
        size: Side of the images in px for general weights; None for 128.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.
        say: Called with the name of each step.

    Returns:
        The outcome; its ``.score`` has ``value``, ``low`` and ``high`` in percent, and ``n``.

    Raises:
        UserError: Something asked for does not exist or does not fit.

    Examples:
        >>> import edgessl
        >>> model = "runs/photos-mobilenetv2-dino/model.onnx"
        >>> edgessl.evaluate(model, data="labelled").score.n  # test images
        4
    """
    path = model.checkpoint if isinstance(model, Run) else Path(model)
    asked = AsFeatures(backbone, size)
    if protocol == TAGS_PROTOCOL:
        return evaluate_tags(path, str(data), asked, device=device, trust=trust, say=say)
    return evaluate_model(path, str(data), protocol, asked, device=device, trust=trust, say=say)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The outcome of one ``edgessl eval``.

    Attributes:
        model: The file that was scored.
        protocol: A key of ``PROTOCOLS``.
        dataset: The images.
        evaluation: Score and predictions on its test split; predictions index ``classes``.
        classes: Class names: the data's, or the classifier's for ``top1``.
        confusion: ``(K, K)`` counts: rows are true classes, columns predicted ones.
        weights: Where general weights come from, as plain values; empty for others.
        about: What is told of them.
    """

    model: Path
    protocol: str
    dataset: Dataset
    evaluation: Evaluation
    classes: tuple[str, ...]
    confusion: list[list[int]]
    weights: Mapping[str, Any] = field(default_factory=dict)
    about: tuple[str, ...] = ()

    @property
    def score(self) -> Score:
        """What it reached."""
        return self.evaluation.score

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided about the images, as far as this protocol reads them."""
        notes = self.dataset.notes
        if "val" not in PROTOCOLS[self.protocol].splits:
            notes = tuple(without_val(notes))
        return *self.about, *notes

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for ``--json``."""
        return {
            "model": str(self.model),
            "protocol": self.protocol,
            "data": self.dataset.name,
            "fingerprint": self.dataset.fingerprint,
            "score": self.score.to_dict(),
            "classes": list(self.classes),
            "confusion": self.confusion,
            **({"weights": dict(self.weights)} if self.weights else {}),
        }


def evaluate_model(
    model: Path,
    data: str,
    protocol_name: str,
    asked: AsFeatures = AS_THEY_ARE,
    *,
    device: str = "cpu",
    trust: bool = False,
    say: Callable[[str], None] = lambda _line: None,
) -> Evaluated:
    """Score a checkpoint or an exported file on the test images of a data set.

    The original files are read through the network's own preprocessing. On the data of its own
    run they are split as that run split them, so that the score is the run's.

    Args:
        model: A ``ckpt.pt``, or any file that ``edgessl export`` wrote.
        data: What the user passed as ``--data``.
        protocol_name: A key of ``PROTOCOLS``.
        asked: How general weights are opened.
        device: Where a checkpoint runs; an exported file runs on the CPU.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.
        say: Called with the name of each step.

    Raises:
        UserError: Something asked for does not exist or does not fit.
    """
    protocol = _protocol(protocol_name)
    network = _opened(model, protocol.reads, asked, device=device, trust=trust)
    dataset = _as_trained(data, network.provenance)
    _refuse_unlabelled(dataset)
    classes, index = dataset.classes, list(range(len(dataset.classes)))
    if protocol.reads == "logits":
        index = match_classes(dataset.classes, network.classes, dataset.name)
        classes = network.classes
    outputs = _outputs(network, dataset, protocol, index, say)
    say(f"scoring ({protocol_name})")
    evaluation = protocol.score(outputs, len(classes))
    confusion = confusion_matrix(evaluation.predictions, outputs["test"].labels, len(classes))
    return Evaluated(
        model, protocol_name, dataset, evaluation, classes, confusion.tolist(),
        network.provenance.get("weights", {}), network.notes,
    )  # fmt: skip


def _opened(
    model: Path, reads: Literal["features", "logits"], asked: AsFeatures, *, device: str,
    trust: bool,
) -> Network:
    """Open a file of a run, an exported one, or general weights."""
    if not is_general(str(model)):
        asked.refuse_given(str(model))
        return open_network(model, reads, device=device, trust=trust)
    found = open_general(str(model), asked)
    deployable = deployable_from(found.payload, str(model))
    return replace(
        network_of(deployable, model, reads, device=device), notes=found.start.sentences
    )


def _as_trained(data: str, provenance: Mapping[str, Any]) -> Dataset:
    """Load the images, with the labels and the splits of the network's run if they are its own."""
    dataset = load_dataset(data, download=False)
    known = provenance.get("data_fingerprint")
    if known in (None, dataset.fingerprint):
        return dataset
    try:
        recorded = dataset_of({**provenance, "data": data})
    except UserError:  # the run's labels do not go with these images: they are others
        return dataset
    return recorded if recorded.fingerprint == known else dataset


def _protocol(name: str) -> Protocol:
    if name not in PROTOCOLS:
        raise UserError(
            f"--protocol: must be one of {', '.join(_KNOWN)}, got '{name}'"
            f"{nearest(name, _KNOWN)}"
        )
    return PROTOCOLS[name]


def _refuse_unlabelled(dataset: Dataset) -> None:
    if dataset.tags:
        raise UserError(
            f"{dataset.source}: must have one label an image for this protocol, found images with "
            "several; use --protocol map"
        )
    if not dataset.classes or dataset.test.labels is None or not len(dataset.test):
        found = "no labelled test images" if dataset.classes else "no labels at all"
        raise UserError(
            f"{dataset.source}: must have labelled test images, found {found}; "
            "give one folder per class, or a manifest with labels"
        )


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



@dataclass(frozen=True, slots=True)
class EvaluatedTags:
    """The outcome of ``edgessl eval --protocol map``.

    Attributes:
        model: The file that was scored.
        dataset: The images.
        score: Mean average precision on test, in percent.
        precisions: Average precision of each class, in percent; None if test does not show it.
        inverse_penalty: Of the linear classifiers, as chosen on train.
    """

    model: Path
    dataset: Dataset
    score: Score
    precisions: dict[str, float | None]
    inverse_penalty: float

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided about the images."""
        return self.dataset.notes

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for ``--json``."""
        return {
            "model": str(self.model),
            "protocol": TAGS_PROTOCOL,
            "data": self.dataset.name,
            "fingerprint": self.dataset.fingerprint,
            "score": self.score.to_dict(),
            "classes": list(self.precisions),
            "average_precision": self.precisions,
        }


def evaluate_tags(
    model: Path,
    data: str,
    asked: AsFeatures = AS_THEY_ARE,
    *,
    device: str = "cpu",
    trust: bool = False,
    say: Callable[[str], None] = lambda _line: None,
) -> EvaluatedTags:
    """Score frozen features by linear classifiers, one a class, by mean average precision.

    As VOC 2007 is used: a class that is difficult to recognise counts as shown in training, and
    such images are neither right nor wrong in the score. S3L fine-tunes for the same score
    (Cao & Wu 2021, arXiv:2103.13559, and its code); here the network stays frozen.

    Args:
        model: A checkpoint or an exported file that gives features.
        data: What the user passed as ``--data``.
        asked: How general weights are opened.
        device: Where a checkpoint runs; one of ``device.NAMES``.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.
        say: Called with the name of each step.

    Raises:
        UserError: The images do not have several labels each, or the file cannot be used.
    """
    network = _opened(model, "features", asked, device=device, trust=trust)
    dataset = load_dataset(data, download=False)
    if not dataset.tags:
        raise UserError(
            f"{dataset.source}: must have images with several labels each for --protocol map, as "
            "voc2007 has, found others; use --protocol knn, linear or top1"
        )
    features = []
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        say(f"reading {len(split)} {name} images")
        features.append(network.outputs(split.paths, split.digests).double().numpy())
    say("fitting linear classifiers")
    shown, difficult = _tables(dataset, dataset.train)
    probe = fit_tag_probe(features[0], shown | difficult)
    shown, difficult = _tables(dataset, dataset.test)
    say("scoring (map)")
    scores = probe.scores(features[1])
    found = 100.0 * class_precisions(scores, shown, difficult)
    precisions = {
        name: None if np.isnan(value) else round(float(value), 2)
        for name, value in zip(dataset.tag_names, found, strict=True)
    }
    score = mean_average_precision(scores, shown, difficult)
    return EvaluatedTags(model, dataset, score, precisions, probe.inverse_penalty)


def _tables(dataset: Dataset, split: Split) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which classes each image shows, and which in difficult ways only, ``(N, K)``."""
    names = dataset.tag_names
    tags = [dataset.tags[path] for path in split.paths]
    shown = np.array([[name in one.shown for name in names] for one in tags], dtype=bool)
    difficult = np.array([[name in one.difficult for name in names] for one in tags], dtype=bool)
    return shown, difficult
