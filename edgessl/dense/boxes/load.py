"""From a folder to images with boxes: read, checked, divided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgessl.data.parallel import Progress
from edgessl.data.verify import Verified, verify
from edgessl.data.voc import is_voc
from edgessl.dense.boxes.boxed import BoxedImage, BoxSet
from edgessl.dense.boxes.listed import ListedImage, ListedSet, fit_boxes
from edgessl.dense.boxes.read_coco import coco_files, read_coco
from edgessl.dense.boxes.read_voc import read_voc
from edgessl.dense.boxes.read_yolo import is_yolo, read_yolo
from edgessl.dense.images import SplitName
from edgessl.errors import UserError
from edgessl.files import expanded

MIN_IMAGES = 10
TEST_PERCENT, VAL_PERCENT = 20, 10
LAYOUTS = (
    "PASCAL VOC (JPEGImages/, Annotations/, ImageSets/Main/), COCO (annotations/*.json, or a .json "
    "beside the images) or YOLO (images/, labels/, data.yaml)"
)


def has_boxes(source: str | Path) -> bool:
    """Tell whether a source is a folder in one of the layouts of boxes.

    Args:
        source: What the user passed.
    """
    folder = expanded(source)
    return folder.is_dir() and (
        is_voc(folder) or _is_coco(folder) or is_yolo(folder)
    )


_PEEK_BYTES = 2**20
_WORDS = (b'"images"', b'"annotations"', b'"categories"')


def _is_coco(folder: Path) -> bool:
    """Look for COCO's own names, or for its three lists in a small file of any name."""
    for path in coco_files(folder):
        if path.name.startswith("instances_") or path.name.endswith("annotations.coco.json"):
            return True
        with path.open("rb") as file:
            start = file.read(_PEEK_BYTES)
        if all(word in start for word in _WORDS):
            return True
    return False


def load_boxes(source: str | Path, progress: Progress | None = None) -> BoxSet:
    """Read a set of images with boxes.

    Boxes that are empty or outside their image are left out, as are images that cannot be read;
    boxes that reach over an edge are cut there.

    Args:
        source: A folder in one of ``LAYOUTS``.
        progress: Called with (done, total) while images are read.

    Raises:
        UserError: It is no such folder, or holds too little.
    """
    folder = expanded(source).absolute()
    if not folder.is_dir():
        raise UserError(
            f"{source}: must be a folder with boxes in a layout of {LAYOUTS}, found none; "
            "check the path"
        )
    if not has_boxes(folder):
        raise UserError(
            f"{source}: must be in a layout of {LAYOUTS}, got another; for images with a class "
            "each, leave --task out"
        )
    listed = _listed(folder)
    verified = verify([image.path for image in listed.images], progress)
    found = _checked(folder, listed, verified)
    others = _layouts(folder)[1:]
    if not others:
        return found
    note = f"The folder is also in the layout of {' and '.join(others)}; that is not read."
    return replace(found, notes=(*found.notes, note))


def _layouts(folder: Path) -> list[str]:
    """Return the layouts that a folder has, the one that is read first."""
    looks = {"PASCAL VOC": is_voc, "COCO": _is_coco, "YOLO": is_yolo}
    return [name for name, look in looks.items() if look(folder)]


def _listed(folder: Path) -> ListedSet:
    if is_voc(folder):
        return read_voc(folder)
    return read_coco(folder) if _is_coco(folder) else read_yolo(folder)


def _checked(folder: Path, listed: ListedSet, verified: Sequence[Verified]) -> BoxSet:
    left_out = list(listed.left_out)
    fitted, cut, doubled = [], 0, 0
    known: set[str] = set()
    for image, found in zip(listed.images, verified, strict=True):
        if found.reason:
            left_out.append((str(image.path), found.reason))
            continue
        if found.digest in known:  # the first keeps its side
            doubled += 1
            left_out.append((str(image.path), "the same content as another image"))
            continue
        known.add(found.digest)
        boxes = fit_boxes(image.boxes, found.height, found.width)
        left_out += boxes.left_out
        cut += boxes.cut
        fitted.append((image, found, boxes))
    names = {name for _, _, boxes in fitted for name in boxes.names}
    classes = listed.classes or tuple(sorted(names))
    _refuse_poor(folder, len(fitted), classes, left_out)
    number = {name: i for i, name in enumerate(classes)}
    splits, notes = _divided([(image, found) for image, found, _ in fitted])
    sides: dict[SplitName, list[BoxedImage]] = {"train": [], "val": [], "test": []}
    for (image, found, boxes), split in zip(fitted, splits, strict=True):
        labels = np.array([number[name] for name in boxes.names], np.int64)
        sides[split].append(
            BoxedImage(image.path, found.digest, found.height, found.width, boxes.boxes, labels,
                       boxes.difficult)
        )  # fmt: skip
    if cut:
        notes.append(f"{cut} boxes reach over an edge of their image; they are cut there.")
    for split, images in sides.items():
        if split != "val" and not sum(len(image.boxes) for image in images):
            raise UserError(
                f"{folder}: must have boxes in {split}, found none in its {len(images)} images; "
                "annotate some"
            )
    return BoxSet(
        folder.name, str(folder), listed.layout, classes, tuple(sides["train"]),
        tuple(sides["val"]), tuple(sides["test"]), tuple(left_out), tuple(notes),
    )  # fmt: skip


def _refuse_poor(
    folder: Path, count: int, classes: Sequence[str], left_out: Sequence[tuple[str, str]]
) -> None:
    shown = "".join(f"\n  {where}: {reason}" for where, reason in left_out[:5])
    if count < MIN_IMAGES:
        raise UserError(
            f"{folder}: must hold at least {MIN_IMAGES} usable images, got {count}; add some{shown}"
        )
    if not classes:
        raise UserError(f"{folder}: must hold boxes with a class, found none; annotate some{shown}")


def _divided(
    images: Sequence[tuple[ListedImage, Verified]],
) -> tuple[list[SplitName], list[str]]:
    """Give every image a split: the layout's, else by a hash of its content."""
    given = [image.split for image, _ in images]
    notes: list[str] = []
    splits: list[SplitName] = [split or "train" for split in given]
    if "test" not in splits and "val" in splits:
        splits = ["test" if split == "val" else split for split in splits]
        notes.append("There is no test split: val is held out as the test.")
    order = sorted(range(len(images)), key=lambda i: images[i][1].digest)
    for name, percent in (("test", TEST_PERCENT), ("val", VAL_PERCENT)):
        if name in splits:
            continue
        free = [i for i in order if splits[i] == "train"]
        chosen = free[: max(1, len(free) * percent // 100)]
        for i in chosen:
            splits[i] = "test" if name == "test" else "val"
        notes.append(f"{len(chosen)} images of train, {percent} %, are held out as {name}.")
    return splits, notes
