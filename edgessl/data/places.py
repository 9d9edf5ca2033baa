"""Places365-Standard with small images, in the layouts that it comes in.

The images of ``val`` are test: labels of the true test set are not published. Scenes are called as
in the archive with folders, such as ``apartment_building-outdoor``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgessl.data.dataset import Entry, SplitName
from edgessl.data.official import lines
from edgessl.data.tree import walk

LISTS = ("categories_places365.txt", "places365_train_standard.txt", "places365_val.txt")


def read_small(base: Path) -> list[Entry]:
    """Read the file lists, with images in ``data_256/`` and ``val_256/``."""
    return _listed(base, "data_256")


def read_torchvision(base: Path) -> list[Entry]:
    """Read the file lists, with images in ``data_256_standard/`` and ``val_256/``."""
    return _listed(base, "data_256_standard")


def read_folders(base: Path) -> list[Entry]:
    """Read the archive with folders: ``train/SCENE/`` and ``val/SCENE/``."""
    parts: dict[str, SplitName] = {"train": "train", "val": "test"}
    return [
        Entry(base.joinpath(part, *folder.parts, name), folder.parts[0], split)
        for part, split in parts.items()
        for folder in walk(base / part).folders
        for name in folder.names
        if folder.parts
    ]


def scene_name(path: str) -> str:
    """Return what a scene is called.

    Args:
        path: As the set's lists have it: ``/a/apartment_building/outdoor``.
    """
    return "-".join(path.strip("/").split("/")[1:])


def _listed(base: Path, images: str) -> list[Entry]:
    scenes = {
        number: scene_name(path)  # /a/apartment_building/outdoor 8
        for path, number in _pairs(base / LISTS[0])
    }
    train = [
        Entry(base / images / path.strip("/"), scenes[number], "train")
        for path, number in _pairs(base / LISTS[1])
    ]
    test = [
        Entry(base / "val_256" / path, scenes[number], "test")
        for path, number in _pairs(base / LISTS[2])
    ]
    return train + test


def _pairs(file: Path) -> Iterator[tuple[str, str]]:
    for line in lines(file):
        path, _, number = line.rpartition(" ")
        yield path, number
