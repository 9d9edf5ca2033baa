"""From a network in a file and a folder of images to one honest score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from edgessl.data.dataset import Dataset, Split
from edgessl.data.load import load_dataset
from edgessl.errors import UserError, nearest
from edgessl.evaluate.evaluation import Evaluation, LabelledOutputs
from edgessl.evaluate.labels import match_classes
from edgessl.evaluate.network import Network, open_network
from edgessl.evaluate.protocols import PROTOCOLS, Protocol, SplitName
from edgessl.metrics.confusion import confusion_matrix

_KNOWN = (*PROTOCOLS, "map")  # the last one is another story: evaluate_tags


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
    """

    model: Path
    protocol: str
    dataset: Dataset
    evaluation: Evaluation
    classes: tuple[str, ...]
    confusion: list[list[int]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for ``--json``."""
        return {
            "model": str(self.model),
            "protocol": self.protocol,
            "data": self.dataset.name,
            "fingerprint": self.dataset.fingerprint,
            "score": self.evaluation.score.to_dict(),
            "classes": list(self.classes),
            "confusion": self.confusion,
        }


def evaluate_model(
    model: Path,
    data: str,
    protocol_name: str,
    *,
    device: str = "cpu",
    say: Callable[[str], None] = lambda _line: None,
) -> Evaluated:
    """Score a checkpoint or an exported file on the test images of a data set.

    The original files are read through the network's own preprocessing. On the data of its own
    run they are split as that run split them, so that the score is the run's.

    Args:
        model: A ``ckpt.pt``, or any file that ``edgessl export`` wrote.
        data: What the user passed as ``--data``.
        protocol_name: A key of ``PROTOCOLS``.
        device: Where a checkpoint runs; an exported file runs on the CPU.
        say: Called with the name of each step.

    Raises:
        UserError: Something asked for does not exist or does not fit.
    """
    protocol = _protocol(protocol_name)
    network = open_network(model, protocol.reads, device=device)
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
    return Evaluated(model, protocol_name, dataset, evaluation, classes, confusion.tolist())


def _as_trained(data: str, provenance: Mapping[str, Any]) -> Dataset:
    """Load the images, with the labels and the splits of the network's run if they are its own."""
    dataset = load_dataset(data, download=False)
    known = provenance.get("data_fingerprint")
    if known in (None, dataset.fingerprint):
        return dataset
    try:
        recorded = load_dataset(
            data,
            labels=provenance["labels"],
            label_percent=provenance["label_percent"],
            val_percent=provenance["val_percent"],
            seed=provenance["seed"],
            download=False,
        )
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
        outputs[name] = LabelledOutputs(network.outputs(split.paths), labels)
    return outputs
