"""The PASCAL VOC layout: annotations in XML, and lists of images.

Source:
    Everingham et al. 2010, doi:10.1007/s11263-009-0275-4, and its development kit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from edgessl.errors import UserError

IMAGES, ANNOTATIONS, LISTS = "JPEGImages", "Annotations", "ImageSets/Main"
"""Folders of a set."""
Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class VocObject:
    """One object of an annotation, as the file says it.

    Attributes:
        name: Its class.
        corners: Left, top, right, bottom in whole pixels counted from 1, ends included; None where
            the file has none, or other than finite numbers.
        difficult: Whether it is marked as difficult to recognise.
        truncated: Whether the image shows it in part.
    """

    name: str
    corners: Corners | None
    difficult: bool = False
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class VocAnnotation:
    """One annotation file.

    Attributes:
        filename: Of the image; empty where the file has none.
        width: Of the image in pixels, as the file says it; 0 where it does not.
        height: The same.
        objects: In the order of the file.
    """

    filename: str
    width: int
    height: int
    objects: tuple[VocObject, ...]


def is_voc(folder: Path) -> bool:
    """Tell whether a folder has the layout.

    Args:
        folder: The one that holds ``JPEGImages`` and ``Annotations``.
    """
    return (folder / ANNOTATIONS).is_dir() and (folder / IMAGES).is_dir()


def read_annotation(path: Path) -> VocAnnotation:
    """Read one annotation.

    Args:
        path: An XML file.

    Raises:
        UserError: It cannot be read, or is no annotation.
    """
    try:
        root = ElementTree.fromstring(path.read_bytes())
    except OSError as error:
        raise UserError(
            f"{path}: must be readable, got '{error.strerror}'; check the path"
        ) from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise UserError(
            f"{path}: must be an annotation of PASCAL VOC in XML, got '{error}'; "
            "repair it or take it out"
        ) from error
    if root.tag != "annotation":
        raise UserError(
            f"{path}: must be an <annotation>, got <{root.tag[:40]}>; repair it or take it out"
        )
    return VocAnnotation(
        _text(root, "filename"),
        int(_number(root, "size/width") or 0),
        int(_number(root, "size/height") or 0),
        tuple(_object(entry) for entry in root.findall("object")),
    )


def read_list(path: Path) -> tuple[str, ...]:
    """Read which images belong to a set; a class's list may say 1, 0 or -1 behind each.

    Args:
        path: A file of ``ImageSets/Main``.

    Raises:
        UserError: It cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: must be a list of images, a name a line, got '{error}'; repair it"
        ) from error
    return tuple(line.split()[0] for line in lines if line.strip())


def _object(entry: ElementTree.Element) -> VocObject:
    sides = [_number(entry, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
    corners = [side for side in sides if side is not None]
    return VocObject(
        _text(entry, "name"),
        (corners[0], corners[1], corners[2], corners[3]) if len(corners) == 4 else None,
        _text(entry, "difficult") == "1",
        _text(entry, "truncated") == "1",
    )


def _text(entry: ElementTree.Element, path: str) -> str:
    return (entry.findtext(path) or "").strip()


def _number(entry: ElementTree.Element, path: str) -> float | None:
    try:
        value = float(_text(entry, path))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
