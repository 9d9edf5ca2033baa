"""Boxes from YOLO's text files: a line a box, its class's number and shares of the image."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import yaml

from edgessl.data.tree import SUFFIXES
from edgessl.dense.boxes.listed import Corners, ListedBox, ListedImage, ListedSet
from edgessl.dense.images import SplitName
from edgessl.errors import UserError

_SPLITS: dict[str, SplitName] = {"train": "train", "val": "val", "valid": "val", "test": "test"}
_TABLES = ("data.yaml", "dataset.yaml")
_NAMES = ("classes.txt", "obj.names", "labels/classes.txt")


def is_yolo(folder: Path) -> bool:
    """Tell whether a folder has text labels.

    Args:
        folder: Of a set.
    """
    return any(True for _ in folder.glob("labels/**/*.txt")) or any(
        (folder / split / "labels").is_dir() for split in _SPLITS
    )


def read_yolo(folder: Path) -> ListedSet:
    """List ``images/`` and ``labels/`` side by side, in the folder or in each split's.

    Args:
        folder: Of a set; ``data.yaml`` or ``classes.txt`` names the classes.

    Raises:
        UserError: No file names the classes.
    """
    names = _class_names(folder)
    images, left_out = [], []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.suffix.lower() not in SUFFIXES or "images" not in parts[:-1]:
            continue
        place = len(parts) - 2 - parts[:-1][::-1].index("images")
        inner = (*parts[:place], "labels", *parts[place + 1 :])
        text = folder.joinpath(*inner).with_suffix(".txt")
        boxes: tuple[ListedBox, ...] = ()
        if text.is_file():  # an image without a file shows nothing
            boxes = tuple(_boxes(text, names))
        split = next((_SPLITS[part] for part in parts if part in _SPLITS), None)
        images.append(ListedImage(path, split, boxes))
    for text in sorted(folder.rglob("labels/**/*.txt")):
        if text.name != "classes.txt" and not _has_image(text):
            left_out.append((str(text.relative_to(folder)), "no image has this name"))
    return ListedSet("YOLO (text)", tuple(images), names, tuple(left_out))


def _has_image(text: Path) -> bool:
    folder = Path(*("images" if part == "labels" else part for part in text.parent.parts))
    return any((folder / f"{text.stem}{suffix}").is_file() for suffix in SUFFIXES) or any(
        path.suffix.lower() in SUFFIXES for path in folder.glob(f"{text.stem}.*")
    )


def _class_names(folder: Path) -> tuple[str, ...]:
    for name in _TABLES:
        path = folder / name
        if path.is_file():
            try:
                table: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
            except (OSError, ValueError, yaml.YAMLError) as error:
                raise UserError(f"{path}: must be YAML, got '{str(error)[:100]}'") from error
            found = table.get("names") if isinstance(table, dict) else None
            if isinstance(found, dict):
                found = [found[key] for key in sorted(found)]
            if isinstance(found, list) and found:
                return tuple(str(one) for one in found)
            raise UserError(f"{path}: must name the classes under names, got {str(found)[:60]}")
    for name in _NAMES:
        path = folder / name
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            return tuple(line.strip() for line in lines if line.strip())
    raise UserError(
        f"{folder}: must name the classes of its labels in data.yaml or classes.txt, found "
        "neither; add one, a name a line"
    )


def _boxes(path: Path, names: tuple[str, ...]) -> list[ListedBox]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [
        _box(line.split(), f"{path.name}, line {number}", names)
        for number, line in enumerate(lines, start=1) if line.strip()
    ]  # fmt: skip


def _box(words: list[str], where: str, names: tuple[str, ...]) -> ListedBox:
    try:
        number, values = int(float(words[0])), [float(word) for word in words[1:]]
    except (ValueError, OverflowError):
        return ListedBox("?", None, where)
    label = names[number] if 0 <= number < len(names) else ""
    if not label:
        where = f"{where} (class {number}, but {len(names)} are named, from 0)"
    return ListedBox(label, _corners(values), where, shares=True)


def _corners(values: list[float]) -> Corners | None:
    """Turn centre and size, or the corners of an outline, into corners of a box."""
    if not all(map(math.isfinite, values)):
        return None
    if len(values) == 4:
        x, y, width, height = values
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    if len(values) >= 6 and len(values) % 2 == 0:  # YOLO's segments
        return min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])
    return None
