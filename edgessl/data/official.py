"""Named sets as their makers ship them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from edgessl.data.dataset import Entry, SplitName, Tags
from edgessl.data.tree import walk


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


def read_cub200(base: Path) -> list[Entry]:
    """Read CUB-200-2011: ``images/``, and four lists that begin every line with a number."""
    names = {number: name for number, name in _pairs(base / "classes.txt")}
    labels = dict(_pairs(base / "image_class_labels.txt"))
    trains = dict(_pairs(base / "train_test_split.txt"))
    return [
        Entry(
            base / "images" / image,
            names[labels[number]].partition(".")[2].replace("_", " "),  # 001.Black_footed_Albatross
            "train" if trains[number] == "1" else "test",
        )
        for number, image in _pairs(base / "images.txt")
    ]


def read_dogs(base: Path) -> list[Entry]:
    """Read Stanford Dogs: ``Images/n…-BREED/``, ``train_list.mat``, ``test_list.mat``."""
    from scipy.io import loadmat

    splits: tuple[SplitName, ...] = ("train", "test")
    return [
        # n02085620-Chihuahua/n02085620_10074.jpg
        Entry(base / "Images" / image, _breed(image), split)
        for split in splits
        for image in map(_text, loadmat(base / f"{split}_list.mat")["file_list"].ravel())
    ]


def _breed(image: str) -> str:
    return image.split("/")[0].partition("-")[2].replace("_", " ")


def _text(cell: object) -> str:
    """Return the text of a cell of a MATLAB cell array, which may be wrapped once more."""
    while not isinstance(cell, str):
        cell = cell[0]  # type: ignore[index]
    return str(cell)


def read_cars(base: Path) -> list[Entry]:
    """Read Stanford Cars: ``cars_train/``, ``cars_test/``, ``devkit/``, and the test labels."""
    from scipy.io import loadmat

    names = loadmat(base / "devkit" / "cars_meta.mat", squeeze_me=True)["class_names"].tolist()
    files: tuple[tuple[SplitName, Path], ...] = (
        ("train", base / "devkit" / "cars_train_annos.mat"),
        ("test", base / "cars_test_annos_withlabels.mat"),
    )
    return [
        Entry(base / f"cars_{split}" / str(row["fname"]), names[int(row["class"]) - 1], split)
        for split, file in files
        for row in loadmat(file, squeeze_me=True)["annotations"]
    ]


def read_caltech101(base: Path) -> list[Entry]:
    """Read Caltech-101: class folders, the one of backgrounds too. It has no official split.

    S3L counts 102 classes, so its code has the backgrounds among them.
    """
    return [
        Entry(base.joinpath(*folder.parts, name), folder.parts[0], "train")
        for folder in walk(base).folders
        for name in folder.names
        if folder.parts
    ]


def _pairs(file: Path) -> list[tuple[str, str]]:
    """Read lines of a number and what follows it."""
    return [(number, rest) for number, _, rest in (line.partition(" ") for line in lines(file))]


CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip
_PARTS: dict[str, SplitName] = {"trainval": "train", "test": "test"}


def read_voc2007(base: Path) -> list[Entry]:
    """Read VOC2007: ``JPEGImages/`` and, for each class, ``ImageSets/Main/CLASS_{trainval,test}``.

    A line there is an image and 1 (shown), 0 (only in ways that are difficult to recognise) or -1.
    """
    entries = []
    for part, split in _PARTS.items():
        marks: dict[str, dict[str, str]] = defaultdict(dict)
        for name in CLASSES:
            for line in lines(base / "ImageSets" / "Main" / f"{name}_{part}.txt"):
                image, mark = line.split()
                marks[image][name] = mark
        for image, found in marks.items():
            tags = Tags(_marked(found, "1"), _marked(found, "0"))
            path = base / "JPEGImages" / f"{image}.jpg"
            entries.append(Entry(path, None, split, tags))
    return entries


def _marked(marks: dict[str, str], mark: str) -> tuple[str, ...]:
    return tuple(name for name in CLASSES if marks[name] == mark)
