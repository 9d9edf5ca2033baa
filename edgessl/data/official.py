"""The published sets as files on disk, each read in its own layout and official split."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from edgessl.data.listing import Entry, SplitName
from edgessl.data.walk import walk


def read_pets(base: Path) -> list[Entry]:
    """Read Oxford-IIIT Pet: ``images/``, ``annotations/{trainval,test}.txt``."""
    files: dict[SplitName, str] = {"train": "trainval.txt", "test": "test.txt"}
    entries = []
    for split, name in files.items():
        for line in lines(base / "annotations" / name):
            image = line.split()[0]
            breed = " ".join(word.title() for word in image.rsplit("_", 1)[0].split("_"))
            entries.append(Entry(base / "images" / f"{image}.jpg", breed, split))
    return entries


def read_flowers(base: Path) -> list[Entry]:
    """Read Oxford 102 Flowers: ``jpg/``, ``imagelabels.mat``, ``setid.mat``; train with val."""
    from scipy.io import loadmat
    from torchvision.datasets import Flowers102

    labels = loadmat(base / "imagelabels.mat")["labels"].ravel()  # of image 1, 2, ..., from 1
    sets = loadmat(base / "setid.mat")
    parts: tuple[tuple[str, SplitName], ...] = (
        ("trnid", "train"),
        ("valid", "train"),
        ("tstid", "test"),
    )
    return [
        Entry(
            base / "jpg" / f"image_{number:05d}.jpg",
            Flowers102.classes[int(labels[number - 1]) - 1],
            split,
        )
        for key, split in parts
        for number in sets[key].ravel().tolist()
    ]


def read_dtd(base: Path) -> list[Entry]:
    """Read Describable Textures: ``images/CLASS/``, ``labels/``; partition 1, train with val."""
    files: tuple[tuple[str, SplitName], ...] = (
        ("train1.txt", "train"),
        ("val1.txt", "train"),
        ("test1.txt", "test"),
    )
    return [
        Entry(base / "images" / line, line.split("/")[0], split)
        for name, split in files
        for line in lines(base / "labels" / name)
    ]


def read_aircraft(base: Path) -> list[Entry]:
    """Read FGVC-Aircraft 2013b: ``data/images/``, ``data/images_variant_*.txt``; trainval."""
    files: dict[SplitName, str] = {
        "train": "images_variant_trainval.txt",
        "test": "images_variant_test.txt",
    }
    entries = []
    for split, name in files.items():
        for line in lines(base / "data" / name):
            image, variant = line.split(" ", 1)
            # "F/A-18" is a class; a label never becomes a path, so the slash may stay.
            entries.append(Entry(base / "data" / "images" / f"{image}.jpg", variant, split))
    return entries


def read_food(base: Path) -> list[Entry]:
    """Read Food-101: ``images/CLASS/``, ``meta/{train,test}.json``."""
    splits: tuple[SplitName, ...] = ("train", "test")
    return [
        Entry(base / "images" / f"{image}.jpg", label, split)
        for split in splits
        for label, images in json.loads((base / "meta" / f"{split}.json").read_bytes()).items()
        for image in images
    ]


def read_eurosat(base: Path) -> list[Entry]:
    """Read EuroSAT (RGB): class folders. It has no official split."""
    return [
        Entry(base.joinpath(*folder.parts, name), folder.parts[0], "train")
        for folder in walk(base).folders
        for name in folder.names
        if folder.parts
    ]


def lines(file: Path) -> Iterator[str]:
    """Yield the lines of a text file that are neither empty nor comments."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.strip()
