"""COCO's instances, with their masks: its own folders, or a user's in its format."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgessl.data.parallel import Progress
from edgessl.dense.boxes.listed import ListedBox
from edgessl.dense.boxes.read_coco import (
    coco_corners,
    coco_files,
    coco_rows,
    find_image,
    read_coco_file,
    split_of,
)
from edgessl.dense.transfer.drafts import Draft, DraftObject, Side, set_of
from edgessl.dense.transfer.scenes import Outline, SceneSet
from edgessl.errors import UserError

LAYOUT = "COCO (JSON)"


def read_instances(
    name: str, source: str, folder: Path, progress: Progress | None = None
) -> SceneSet:
    """Read a folder with annotations in COCO's format.

    ``test`` is tested on where it has annotations, else ``val``; all others are trained on.

    Args:
        name: Short name.
        source: What the user passed.
        folder: Holds ``annotations/instances_*.json`` and a folder of images for each, or a
            ``.json`` beside the images of each split.
        progress: Called with (done, total) while images are read.

    Raises:
        UserError: There is nothing to test on, or a file is no such JSON.
    """
    files = {path: split_of(path) or "train" for path in coco_files(folder)}
    held_out = next((one for one in ("test", "val") if one in files.values()), None)
    if held_out is None or not {*files.values()} - {held_out}:
        raise UserError(
            f"{source}: must have annotations to train on and others named val or test, got "
            f"{', '.join(path.name for path in files)}; split them"
        )
    tables = {path: read_coco_file(path) for path in files}
    used: dict[int, str] = {}
    for path, table in tables.items():
        names = {int(one["id"]): str(one["name"]) for one in coco_rows(table, "categories", path)}
        shown = {int(one.get("category_id", -1)) for one in coco_rows(table, "annotations", path)}
        used |= {key: names[key] for key in names.keys() & shown}
    drafts: list[Draft] = []
    left_out: list[tuple[str, str]] = []
    for path, table in tables.items():
        side: Side = "test" if files[path] == held_out else "train"
        by_image: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
        for row in coco_rows(table, "annotations", path):
            by_image[int(row["image_id"])].append(row)
        for row in coco_rows(table, "images", path):
            picture = find_image(folder, path, str(row.get("file_name", "")))
            if picture is None:
                left_out.append((f"{path.name}, {row.get('file_name')!r}", "no such image"))
                continue
            objects = []
            for one in by_image.get(int(row["id"]), ()):
                if one.get("segmentation") and _outline(one["segmentation"]) is None:
                    left_out.append((
                        f"{path.name}, annotation {one.get('id')}",
                        "its segmentation must be polygons of three corners or run lengths",
                    ))  # fmt: skip
                else:
                    objects.append(_object(one, used, path))
            drafts.append(Draft(picture, side, tuple(objects)))
    classes = list(dict.fromkeys(label for _, label in sorted(used.items())))
    notes = [f"Tested on {held_out}; crowds are neither learned nor judged by."]
    return set_of(name, source, LAYOUT, drafts, classes, left_out, notes, progress)


def _object(row: Mapping[str, Any], names: Mapping[int, str], path: Path) -> DraftObject:
    where = f"{path.name}, annotation {row.get('id')}"
    crowd = bool(row.get("iscrowd", 0))
    label = names.get(int(row.get("category_id", -1)), "")
    box = ListedBox(label, coco_corners(row.get("bbox")), where, crowd)
    return DraftObject(box, crowd, _outline(row.get("segmentation")))


def _outline(value: object) -> Outline | None:
    """Return polygons of at least three corners, or run lengths; None for anything else."""
    if isinstance(value, dict):
        size, counts = value.get("size"), value.get("counts")
        whole = isinstance(counts, str) or (isinstance(size, list) and _fill(counts, size))
        return value if whole else None
    if isinstance(value, list):
        sound = [one for one in value if isinstance(one, list) and len(one) >= 6
                 and len(one) % 2 == 0 and all(map(_is_place, one))]  # fmt: skip
        return sound or None
    return None


def _fill(counts: object, size: list[Any]) -> bool:
    """Tell whether run lengths fill an image to its last pixel."""
    if not isinstance(counts, list) or not all(isinstance(one, int) and one >= 0
                                               for one in (*counts, *size)):  # fmt: skip
        return False
    return len(size) == 2 and sum(counts) == size[0] * size[1]


def _is_place(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
