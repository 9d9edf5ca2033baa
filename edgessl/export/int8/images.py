"""Which images an int8 file is calibrated on, and which ones its choices are made on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgessl.data.dataset import Dataset, Split
from edgessl.data.load import dataset_of, load_dataset, reason_of
from edgessl.data.tagged import TagTable, tag_table
from edgessl.errors import EdgesslError, UserError


def training_data(
    provenance: Mapping[str, Any], classes: tuple[str, ...], data: str | None,
    *, option: str = "--int8",
) -> Dataset:
    """Find the images of a checkpoint's run, or of another set; nothing is downloaded.

    Args:
        provenance: What the checkpoint says of its run.
        classes: The checkpoint's classes; none for features.
        data: Data set to use instead; None for the checkpoint's own.
        option: What asks for them, for the messages.

    Raises:
        UserError: The data is not to be had, or has classes the checkpoint lacks.
    """
    source, of = data or provenance.get("data"), " to calibrate on" if option == "--int8" else ""
    if not source:
        raise UserError(
            f"{option}: must have training images{of}, and the checkpoint names no data; "
            "pass --data"
        )
    if data is not None:
        dataset = load_dataset(data, download=False)
    else:
        try:
            dataset = dataset_of(provenance)
        except (EdgesslError, OSError) as error:
            raise UserError(
                f"{option}: must have training images{of}, and the data "
                f"'{Path(source).name}' of the run is not to be had here "
                f"({reason_of(error, source)}); pass --data"
            ) from error
    unknown = [name for name in dataset.classes if name not in classes]
    if unknown and classes:
        raise UserError(
            f"{source}: must have classes the checkpoint knows, got unknown ones: "
            f"{', '.join(unknown[:5])}; pass the data it was trained for"
        )
    return dataset


IMAGES = 128
"""Images to calibrate on. Ranges are extremes, which settle early: 8, 50 and 100 images gave the
same accuracy within its error on the networks measured (bench/LOG.md)."""
JUDGING_IMAGES = 1000
"""Images of ``val`` at most that candidates are scored on."""
MIN_IMAGES = 2


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some files of a data set.

    Attributes:
        split: Where they are from: ``"train"`` or ``"val"``.
        paths: The files.
        labels: Index of each file's class in the checkpoint's classes; None without labels.
        digests: SHA-1 of each file's content, in hexadecimal.
        seed: What they were drawn with.
        several: Which of the checkpoint's classes each file shows, where it may show several.
    """

    split: str
    paths: tuple[Path, ...]
    labels: tuple[int, ...] | None
    digests: tuple[str, ...]
    seed: int
    several: TagTable | None = None

    def provenance(self) -> dict[str, Any]:
        """Return what proves which images they were: their number, and a hash of their contents."""
        contents = "\n".join(sorted(self.digests)).encode()
        return {
            "split": self.split,
            "images": len(self.paths),
            "sha256": hashlib.sha256(contents).hexdigest(),
            "seed": self.seed,
        }


def calibration_set(dataset: Dataset, seed: int, count: int = IMAGES) -> Chosen:
    """Draw training images, spread over contents and hence over classes.

    Args:
        dataset: Its labelled training images are drawn from, or its unlabelled ones.
        seed: Another seed gives other images.
        count: How many, where there are as many.

    Raises:
        UserError: There are too few training images.
    """
    source = dataset.train if len(dataset.train) else dataset.unlabeled
    if len(source) < MIN_IMAGES:
        raise UserError(
            f"--int8: must have at least {MIN_IMAGES} training images to calibrate on, "
            f"got {len(source)}; pass --data"
        )
    return _draw(source, "train", range(len(source)), seed, count, ())


def judging_set(
    dataset: Dataset, classes: tuple[str, ...], calibrated_on: Chosen, seed: int,
    count: int = JUDGING_IMAGES,
) -> Chosen:
    """Draw the images that candidates are compared on: ``val``, or else unseen training images.

    Args:
        dataset: The same data.
        classes: The checkpoint's classes, in the order of its outputs; none for features.
        calibrated_on: Images to leave out.
        seed: Another seed gives other images.
        count: How many, where there are as many.
    """
    order = tuple(classes.index(name) for name in dataset.classes) if classes else ()
    if len(dataset.val):
        chosen = _draw(dataset.val, "val", range(len(dataset.val)), seed, count, order)
        if not (classes and dataset.tags):
            return chosen
        files = Split(chosen.paths, None, chosen.digests)
        return replace(chosen, several=tag_table(dataset, files, classes))
    source = dataset.train if len(dataset.train) else dataset.unlabeled
    seen = set(calibrated_on.digests)
    rest = [i for i, digest in enumerate(source.digests) if digest not in seen]
    # With too few images there is nothing unseen; agreement with fp32 can be judged on any.
    return _draw(source, "train", rest or range(len(source)), seed, IMAGES, ())


def _draw(
    source: Split, name: str, among: Any, seed: int, count: int, order: tuple[int, ...]
) -> Chosen:
    among = np.asarray(among)
    generator = np.random.default_rng(seed)
    taken = sorted(generator.choice(among, min(count, len(among)), replace=False).tolist())
    labelled = bool(order) and source.labels is not None
    return Chosen(
        name,
        tuple(source.paths[i] for i in taken),
        tuple(order[(source.labels or ())[i]] for i in taken) if labelled else None,
        tuple(source.digests[i] for i in taken),
        seed,
    )
