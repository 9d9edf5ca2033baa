"""The export of a classifier as directions in feature space, which a device can add classes to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgessl.artifact.enrolled import PrototypesTable
from edgessl.artifact.opened import ON_DEVICES
from edgessl.backbones import Classifier, Deployable
from edgessl.backbones.prototypes import FeatureSpace, PrototypeClassifier, fit_space
from edgessl.data.dataset import Dataset, Split
from edgessl.data.preprocess import Preprocess, decode_eval
from edgessl.errors import UserError
from edgessl.export.int8.images import training_data
from edgessl.metrics.calibration import Temperature, fit_temperature

FORMATS = ("onnx", "ort")
"""What has a second output to enrol with."""
MOST_PER_CLASS = 300  # images that a class vector is the mean of; not tuned
CHUNK = 64  # images run at a time, which bounds memory
SCALE = 16.0
"""Of cosines, where there is nothing to fit it on. Not tuned."""


def refuse_for_prototypes(formats: Sequence[str]) -> None:
    """Refuse formats that have no second output to enrol with.

    Args:
        formats: What is to be written.

    Raises:
        UserError: One of them has none.
    """
    unfit = [kind for kind in formats if kind not in FORMATS]
    if unfit:
        if unfit[0] in ON_DEVICES:
            raise UserError(
                f"--target: must be one of ONNX files with --head prototypes, got {unfit[0]}; use "
                "cpu or arm64"
            )
        raise UserError(
            f"--{unfit[0]}: must be {' or '.join(FORMATS)} with --head prototypes, got "
            f"{', '.join(unfit)}; leave it out"
        )


def with_prototypes(
    deployable: Deployable, where: str, data: str | None
) -> tuple[PrototypeClassifier, PrototypesTable, Temperature]:
    """Turn a classifier into one with a vector for each class, the mean of its training images.

    Args:
        deployable: The checkpoint's content.
        where: The checkpoint's name, for messages.
        data: Data set with the training images; None for the checkpoint's own.

    Returns:
        The network, what a file says of its vectors, and how the scale was fitted.

    Raises:
        UserError: It is no classifier, or a class has no training image here.
    """
    classifier = deployable.module
    if not isinstance(classifier, Classifier):
        raise UserError(
            f"--head: must be features, for {where} has no classifier, got 'prototypes'; "
            "fine-tune it first: edgessl finetune"
        )
    if deployable.thresholds:
        raise UserError(
            f"--head: must be logits, probs or features for {where}, a classifier of several "
            "labels an image, got 'prototypes'; leave it out"
        )
    dataset = training_data(
        deployable.provenance, deployable.classes, data, option="--head prototypes"
    )
    preprocess = Preprocess.from_dict(deployable.preprocess)
    train = _some_of_each(dataset.train, dataset.classes, deployable.classes)
    _refuse_missing(train, deployable.classes, dataset.name)
    features = _run(classifier.embed, train, preprocess)
    space = fit_space(features, _labels(train), len(deployable.classes))
    fitted = _fit(
        PrototypeClassifier(classifier, space, 1.0).eval(), dataset, deployable.classes, preprocess
    )
    scale = SCALE if fitted.kept else 1.0 / fitted.value
    network = PrototypeClassifier(classifier, space, scale).eval()
    table = PrototypesTable(
        space=_name(space), dim=space.vectors.shape[1], scale=scale, resultant=space.resultant
    )
    return network, table, fitted


def _fit(
    network: PrototypeClassifier, dataset: Dataset, classes: tuple[str, ...],
    preprocess: Preprocess,
) -> Temperature:
    val = in_order(dataset.val, dataset.classes, classes)
    if not len(val) or val.labels is None:
        return Temperature(1.0, 0, "there are no images of val")
    cosines = _run(network, val, preprocess)
    return fit_temperature(cosines.numpy(), np.asarray(val.labels, np.int64))


def in_order(split: Split, names: Sequence[str], classes: tuple[str, ...]) -> Split:
    """Return a split whose labels index other class names.

    Args:
        split: Its labels index ``names``.
        names: Class names of the data.
        classes: Class names in the order of the outputs; they hold all of ``names``.
    """
    if split.labels is None:
        return split
    labels = tuple(classes.index(names[label]) for label in split.labels)
    return Split(split.paths, labels, split.digests)


def _some_of_each(split: Split, names: Sequence[str], classes: tuple[str, ...]) -> Split:
    """Take the first images of every class; they lie in the order of their contents."""
    ordered = in_order(split, names, classes)
    counts: dict[int, int] = {}
    kept = []
    for place, label in enumerate(ordered.labels or ()):
        counts[label] = counts.get(label, 0) + 1
        if counts[label] <= MOST_PER_CLASS:
            kept.append(place)
    return Split(
        tuple(ordered.paths[i] for i in kept),
        tuple((ordered.labels or ())[i] for i in kept),
        tuple(ordered.digests[i] for i in kept) if ordered.digests else (),
    )


def _refuse_missing(train: Split, classes: tuple[str, ...], name: str) -> None:
    there = set(train.labels or ())
    missing = [one for number, one in enumerate(classes) if number not in there]
    if missing:
        raise UserError(
            f"--head prototypes: must have training images of every class, found none of "
            f"{', '.join(missing[:5])} in {Path(name).name}; pass --data"
        )


def _run(network: Callable[[Tensor], Tensor], split: Split, preprocess: Preprocess) -> Tensor:
    rows = []
    for start in range(0, len(split), CHUNK):
        part = slice(start, start + CHUNK)
        pixels = decode_eval(split.paths[part], preprocess, digests=split.digests[part] or None)
        with torch.inference_mode():
            rows.append(network(torch.from_numpy(preprocess.normalise(pixels))))
    return torch.cat(rows)


def _labels(split: Split) -> Tensor:
    return torch.tensor(split.labels or (), dtype=torch.int64)


def _name(space: FeatureSpace) -> str:
    """Name a feature space, so that vectors of another network are not taken for its own."""
    parts = (space.centre, space.projection, space.vectors)
    content: NDArray[Any] = torch.cat([part.reshape(-1) for part in parts]).numpy()
    return hashlib.sha256(np.ascontiguousarray(content, np.float32).tobytes()).hexdigest()[:16]
