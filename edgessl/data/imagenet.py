"""ImageNet-1k (ILSVRC2012) as it comes: its validation images in folders, or flat with a list.

Its validation images are test. Classes are WordNet ids in every layout.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from edgessl.data.dataset import Entry, SplitName
from edgessl.data.tree import walk

DEVKIT = "ILSVRC2012_devkit_t12/data"
CHALLENGE = "ILSVRC/Data/CLS-LOC"
"""Where the images lie in the archive of the Kaggle challenge."""
_CLASSES = 1000  # the first of the devkit's synsets; the others are their ancestors


def read_folders(base: Path) -> list[Entry]:
    """Read ``train/`` and ``val/``, both in folders by WordNet id."""
    return [*_in_folders(base / "train", "train"), *_in_folders(base / "val", "test")]


def read_devkit(base: Path) -> list[Entry]:
    """Read ``train/`` in folders, ``val/`` flat, and the devkit's list of its classes."""
    from scipy.io import loadmat

    data = base / DEVKIT
    synsets = loadmat(data / "meta.mat", squeeze_me=True)["synsets"].ravel()
    words = {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in synsets}
    numbers = (data / "ILSVRC2012_validation_ground_truth.txt").read_text().split()
    found = {
        f"ILSVRC2012_val_{place:08d}": words[_class(int(number))]
        for place, number in enumerate(numbers, 1)
    }
    return [*_in_folders(base / "train", "train"), *_flat(base / "val", found.items())]


def read_challenge(base: Path) -> list[Entry]:
    """Read Kaggle's layout: ``val/`` flat, its classes in ``LOC_val_solution.csv``."""
    with (base / "LOC_val_solution.csv").open(newline="", encoding="utf-8") as text:
        found = [(row["ImageId"], row["PredictionString"].split()[0])
                 for row in csv.DictReader(text)]  # fmt: skip
    images = base / CHALLENGE
    return [*_in_folders(images / "train", "train"), *_flat(images / "val", found)]


def _class(number: int) -> int:
    if not 1 <= number <= _CLASSES:
        raise ValueError(f"the ground truth names class {number} of {_CLASSES}")
    return number


def _in_folders(root: Path, split: SplitName) -> Iterator[Entry]:
    for folder in walk(root).folders:
        if folder.parts:
            for name in folder.names:
                yield Entry(root.joinpath(*folder.parts, name), folder.parts[0], split)


def _flat(root: Path, found: Iterable[tuple[str, str]]) -> Iterator[Entry]:
    for image, word in found:
        yield Entry(root / f"{image}.JPEG", word, "test")
