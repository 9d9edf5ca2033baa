"""Fine-grained sets and ImageNet as their archives unpack, each in its official split."""

from __future__ import annotations

from pathlib import Path

from edgessl.data.listing import Entry, SplitName
from edgessl.data.official import lines
from edgessl.data.walk import walk


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


def read_imagenet(base: Path) -> list[Entry]:
    """Read ImageNet-1k: ``train/`` and ``val/`` by WordNet id. Its validation images are test."""
    splits: dict[str, SplitName] = {"train": "train", "val": "test"}
    return [
        Entry(base.joinpath(part, *folder.parts, name), folder.parts[0], split)
        for part, split in splits.items()
        for folder in walk(base / part).folders
        for name in folder.names
        if folder.parts
    ]


def _pairs(file: Path) -> list[tuple[str, str]]:
    """Read lines of a number and what follows it."""
    return [(number, rest) for number, _, rest in (line.partition(" ") for line in lines(file))]
