"""Boxes of objects that lie beside images: in PASCAL VOC's layout, and in CUB-200's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edgessl.data.preprocess import Preprocess
from edgessl.data.voc import ANNOTATIONS, IMAGES, read_annotation
from edgessl.errors import UserError

_CUB = ("images.txt", "bounding_boxes.txt")
Corners = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels, from 0 on."""


@dataclass(frozen=True, slots=True)
class ObjectBox:
    """An object of an image.

    Attributes:
        corners: Of its box, in pixels of the original.
        name: Its class; empty where only the image has one.
    """

    corners: Corners
    name: str


def boxes_beside(path: Path) -> tuple[ObjectBox, ...]:
    """Return the objects of an image; none where nothing is known of them.

    Args:
        path: An image: in ``JPEGImages`` with ``Annotations/NAME.xml`` beside that folder, or below
            the ``images`` of a folder with CUB's ``bounding_boxes.txt``. A damaged file counts as
            none, and so does an empty box.
    """
    annotation = path.parent.parent / ANNOTATIONS / f"{path.stem}.xml"
    if path.parent.name == IMAGES and annotation.is_file():
        return _of_voc(annotation)
    for root in path.parents[1:3]:
        if all((root / name).is_file() for name in _CUB):
            key = path.relative_to(root / "images").as_posix()
            found = _of_cub(root).get(key)
            return () if found is None else (ObjectBox(found, ""),)
    return ()


def in_crop(
    boxes: Sequence[Corners], size: tuple[int, int], preprocess: Preprocess
) -> tuple[Corners, ...]:
    """Move boxes to where the evaluation transform puts them.

    Args:
        boxes: In pixels of the original.
        size: Its upright width and height.
        preprocess: The transform.

    Returns:
        Those of which half the area or more is still seen, cut off at the crop's edge.
    """
    scale = preprocess.resize_px / min(size)
    left = (scale * size[0] - preprocess.crop_px) / 2
    top = (scale * size[1] - preprocess.crop_px) / 2
    found = []
    for box in boxes:
        moved = (box[0] * scale - left, box[1] * scale - top,
                 box[2] * scale - left, box[3] * scale - top)  # fmt: skip
        cut = tuple(min(max(side, 0.0), float(preprocess.crop_px)) for side in moved)
        seen = (cut[0], cut[1], cut[2], cut[3])
        if _area(seen) > 0 and _area(seen) >= _area(moved) / 2:
            found.append(seen)
    return tuple(found)


def _area(box: Corners) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _of_voc(file: Path) -> tuple[ObjectBox, ...]:
    try:
        objects = read_annotation(file).objects
    except UserError:
        return ()
    found = []
    for one in objects:
        if one.corners is not None:
            left, top, right, bottom = one.corners
            # VOC counts pixels from 1, and the last one belongs to the box.
            corners = (left - 1, top - 1, right, bottom)
            if _area(corners) > 0:
                found.append(ObjectBox(corners, one.name))
    return tuple(found)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


@cache
def _of_cub(root: Path) -> dict[str, Corners]:
    """Read ``NUMBER IMAGE`` and ``NUMBER LEFT TOP WIDTH HEIGHT``."""
    found: dict[str, Corners] = {}
    try:
        names = dict(_cells(root / _CUB[0]))
        boxes = dict(_cells(root / _CUB[1]))
    except (OSError, ValueError):
        return found
    for number, name in names.items():
        sides = [_number(side) for side in boxes.get(number, "").split()]
        if len(sides) == 4 and all(map(math.isfinite, sides)) and sides[2] > 0 and sides[3] > 0:
            left, top, width, height = sides
            found[name.strip()] = (left, top, left + width, top + height)
    return found


def _cells(file: Path) -> list[tuple[str, str]]:
    text = file.read_text(encoding="utf-8")
    return [(one, rest) for one, _, rest in (line.partition(" ") for line in text.splitlines())]
