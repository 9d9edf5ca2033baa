"""Boxes from COCO's JSON, in COCO's own folders or one file beside each split's images."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgessl.dense.boxes.listed import Corners, ListedBox, ListedImage, ListedSet
from edgessl.dense.images import SplitName
from edgessl.errors import UserError

_SPLIT_WORDS: tuple[tuple[str, SplitName], ...] = (
    ("train", "train"), ("valid", "val"), ("val", "val"), ("test", "test"),
)  # fmt: skip


def coco_files(folder: Path) -> tuple[Path, ...]:
    """Return the files of a folder that may be COCO's annotations of boxes.

    Args:
        folder: Of a set: ``annotations/instances_*.json``, or ``*.json`` in it or a folder in it.
    """
    own = sorted((folder / "annotations").glob("instances_*.json"))
    own = own or sorted((folder / "annotations").glob("*.json"))
    return tuple(own or [*sorted(folder.glob("*.json")), *sorted(folder.glob("*/*.json"))])


def read_coco(folder: Path) -> ListedSet:
    """List a folder with annotations in COCO's format.

    Args:
        folder: Of a set.

    Raises:
        UserError: A file is no such JSON.
    """
    images: list[ListedImage] = []
    left_out: list[tuple[str, str]] = []
    classes: dict[str, None] = {}
    for path in coco_files(folder):
        table = read_coco_file(path)
        names = {int(one["id"]): str(one["name"]) for one in coco_rows(table, "categories", path)}
        used = _by_image(table, path)
        shown = {int(row.get("category_id", -1)) for rows in used.values() for row in rows}
        # Roboflow lists a super-category that no box is of.
        classes |= dict.fromkeys(name for key, name in sorted(names.items()) if key in shown)
        split = split_of(path)
        for row in coco_rows(table, "images", path):
            found = find_image(folder, path, str(row.get("file_name", "")))
            if found is None:
                left_out.append((f"{path.name}, {row.get('file_name')!r}", "no such image"))
                continue
            boxes = tuple(_box(one, names, path) for one in used.get(int(row["id"]), ()))
            images.append(ListedImage(found, split, boxes))
    return ListedSet("COCO (JSON)", tuple(images), tuple(classes), tuple(left_out))


def read_coco_file(path: Path) -> dict[str, Any]:
    """Read annotations.

    Args:
        path: A JSON file.

    Raises:
        UserError: It holds no images, annotations and categories.
    """
    wrong = f"{path}: must be annotations in COCO's format, got "
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{wrong}'{str(error)[:100]}'; repair it or take it out") from error
    if not isinstance(table, dict) or not {"images", "annotations", "categories"} <= table.keys():
        raise UserError(
            f"{wrong}a file without images, annotations and categories; repair it or take it out"
        )
    return table


def coco_rows(table: Mapping[str, Any], key: str, path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of one list of annotations.

    Args:
        table: From ``read_coco_file``.
        key: ``images``, ``annotations`` or ``categories``.
        path: For messages.

    Raises:
        UserError: One lacks what all must have.
    """
    needed: tuple[str, ...] = ("image_id",) if key == "annotations" else ("id",)
    needed += ("name",) if key == "categories" else ()
    for row in table[key] if isinstance(table[key], list) else ():
        if not isinstance(row, dict) or not all(name in row for name in needed):
            raise UserError(
                f"{path}: each of {key} must have {' and '.join(needed)}, got {str(row)[:80]}; "
                "repair it"
            )
        yield row


def _by_image(table: Mapping[str, Any], path: Path) -> dict[int, list[Mapping[str, Any]]]:
    found: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in coco_rows(table, "annotations", path):
        found[int(row["image_id"])].append(row)
    return found


def _box(row: Mapping[str, Any], names: Mapping[int, str], path: Path) -> ListedBox:
    where = f"{path.name}, annotation {row.get('id')}"
    label = names.get(row.get("category_id", -1), "")
    return ListedBox(label, coco_corners(row.get("bbox")), where, bool(row.get("iscrowd", 0)))


def coco_corners(values: object) -> Corners | None:
    """Turn left, top, width, height into corners; None where they are no four finite numbers."""
    if not isinstance(values, list) or len(values) != 4:
        return None
    if not all(isinstance(one, int | float) and math.isfinite(one) for one in values):
        return None
    left, top, width, height = map(float, values)
    return left, top, left + width, top + height


def split_of(path: Path) -> SplitName | None:
    """Return the split that the name of a file of annotations, or of its folder, says."""
    words = f"{path.parent.name} {path.stem}".lower()
    return next((split for word, split in _SPLIT_WORDS if word in words), None)


def find_image(folder: Path, annotations: Path, name: str) -> Path | None:
    """Find an image beside its annotations, in the split's own folder, or in ``images``.

    Args:
        folder: Of the set.
        annotations: The file that names it.
        name: As it does.
    """
    stem = annotations.stem.removeprefix("instances_")
    places = (annotations.parent, folder / stem, folder / "images" / stem, folder / "images",
              folder)  # fmt: skip
    inside = (place / name for place in places if name)
    return next((path for path in inside if path.is_file()), None)
