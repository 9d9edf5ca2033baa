"""The test images that a checkpoint never saw, found again by what its provenance says."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgessl.backbones import Deployable
from edgessl.data.dataset import Dataset
from edgessl.data.evalset import decode_eval
from edgessl.data.load import load_dataset
from edgessl.data.named import NAMED
from edgessl.data.preprocess import Preprocess
from edgessl.errors import EdgesslError, UserError

_FOLDERS = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?[\\/](?:[^\s'\",;:()\\/]+[\\/])+")
"""The folders of an absolute path, without its last part."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Test images with labels in the checkpoint's class order.

    Attributes:
        paths: The files; none where there is no data.
        labels: Index of each file's class in the checkpoint's classes; none where there is no
            accuracy to measure.
        missing: Why there are no labels; empty otherwise.
        changed: What is to be told of data that is no longer the run's; empty otherwise.
    """

    paths: tuple[Path, ...] = ()
    labels: tuple[int, ...] = ()
    missing: str = ""
    changed: str = ""

    def some_paths(self, count: int) -> tuple[Path, ...]:
        """Take a few files, spread over the set.

        Args:
            count: How many, where there are as many.
        """
        step = max(1, len(self.paths) // count)
        return self.paths[::step][:count]

    def some_pixels(self, preprocess: Preprocess, count: int) -> NDArray[np.uint8] | None:
        """Decode a few images; ``(count, 3, S, S)``, or None where there is no data.

        Args:
            preprocess: The checkpoint's own.
            count: How many, where there are as many.
        """
        return decode_eval(self.some_paths(count), preprocess) if self.paths else None


def held_out(deployable: Deployable, data: str | None) -> HeldOut:
    """Load the test split a checkpoint's scores were measured on; nothing is downloaded.

    Args:
        deployable: The checkpoint's content.
        data: Another data set to use instead; its classes are matched by name.

    Raises:
        UserError: ``data`` was given and cannot be read, or the data has classes the checkpoint
            lacks.
    """
    if data is not None:
        return _matched(load_dataset(data, download=False), deployable.classes, data)
    history = deployable.provenance
    if not history.get("data"):
        return HeldOut(missing="the checkpoint names no data; pass --data")
    try:
        dataset = load_dataset(
            history["data"],
            labels=history["labels"],
            label_percent=history["label_percent"],
            val_percent=history["val_percent"],
            seed=history["seed"],
            download=False,
        )
    except (EdgesslError, OSError) as error:
        name = Path(history["data"]).name
        way_out = f"get it with `edgessl data {name}`, or pass --data" if name in NAMED else (
            "pass --data"
        )
        reason = reason_of(error, history["data"])
        return HeldOut(
            missing=f"the data '{name}' of the run is not to be had here ({reason}); {way_out}"
        )
    test = _matched(dataset, deployable.classes, history["data"])
    if history.get("data_fingerprint") in (None, dataset.fingerprint):
        return test
    return replace(test, changed="the data changed since the run: its fingerprint is another one")


def reason_of(error: Exception, source: str) -> str:
    """Say why data cannot be read, without the folders of this machine: it goes into files.

    Args:
        error: What reading it raised.
        source: The data, as the checkpoint names it.
    """
    text = " ".join(str(error).split())
    for place in (str(Path(source).absolute()), source):
        text = text.replace(place, Path(source).name)
    return _FOLDERS.sub("", text)[:200]


def _matched(dataset: Dataset, classes: tuple[str, ...], where: str) -> HeldOut:
    if not classes:
        images = dataset.test if len(dataset.test) else dataset.pretraining
        return HeldOut(images.paths, missing="features have no classes to score")
    if dataset.test.labels is None or not len(dataset.test):
        missing = f"{dataset.name} has no labelled test images"
        return HeldOut(dataset.pretraining.paths, missing=missing)
    unknown = [name for name in dataset.classes if name not in classes]
    if unknown:
        raise UserError(
            f"{where}: must have classes the checkpoint knows ({', '.join(classes[:5])}, ...), "
            f"got unknown ones: {', '.join(unknown[:5])}; pass the data it was trained for"
        )
    order = [classes.index(name) for name in dataset.classes]
    return HeldOut(dataset.test.paths, tuple(order[label] for label in dataset.test.labels))
