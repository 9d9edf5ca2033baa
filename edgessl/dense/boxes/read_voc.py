"""Boxes from the PASCAL VOC layout."""

from __future__ import annotations

from pathlib import Path

from edgessl.data.tree import SUFFIXES
from edgessl.data.voc import ANNOTATIONS, IMAGES, LISTS, VocObject, read_annotation, read_list
from edgessl.dense.boxes.listed import ListedBox, ListedImage, ListedSet
from edgessl.dense.images import SplitName
from edgessl.errors import UserError

_LISTS: tuple[tuple[str, SplitName], ...] = (
    ("test", "test"), ("val", "val"), ("train", "train"), ("trainval", "train"),
)  # fmt: skip
"""Lists and what they are for, the first that names an image first: ``trainval`` is both."""


def read_voc(folder: Path) -> ListedSet:
    """List a folder of ``JPEGImages``, ``Annotations`` and, for splits, ``ImageSets/Main``.

    VOC counts pixels from 1 and includes both ends, so 1 is taken off left and top.

    Args:
        folder: The one that holds these.

    Raises:
        UserError: There are no annotations, or a list is damaged.
    """
    files = {path.stem: path for path in sorted((folder / ANNOTATIONS).glob("*.xml"))}
    if not files:
        raise UserError(f"{folder / ANNOTATIONS}: must hold annotations (.xml), found none")
    pictures = {
        path.stem: path for path in sorted((folder / IMAGES).iterdir())
        if path.suffix.lower() in SUFFIXES
    }  # fmt: skip
    splits = _splits(folder / LISTS)
    images, left_out = [], []
    for name in sorted({*files, *splits}):
        split = splits.get(name)
        if splits and split is None:
            continue  # in no list
        if name not in pictures:
            left_out.append((f"{IMAGES}/{name}", "no such image, but an annotation or a list"))
        elif name not in files:
            left_out.append((f"{ANNOTATIONS}/{name}.xml", "no such annotation, but in a list"))
        else:
            try:
                objects = read_annotation(files[name]).objects
            except UserError as error:
                left_out.append((f"{ANNOTATIONS}/{name}.xml", str(error).partition(": ")[2]))
                continue
            boxes = tuple(
                listed_box(entry, f"{name}.xml, box {i}")
                for i, entry in enumerate(objects, start=1)
            )
            images.append(ListedImage(pictures[name], split, boxes))
    return ListedSet("PASCAL VOC (XML)", tuple(images), left_out=tuple(left_out))


def _splits(lists: Path) -> dict[str, SplitName]:
    found: dict[str, SplitName] = {}
    for name, split in _LISTS:
        path = lists / f"{name}.txt"
        for image in read_list(path) if path.is_file() else ():
            found.setdefault(image, split)
    return found


def listed_box(entry: VocObject, where: str) -> ListedBox:
    """Turn an object's corners, counted from 1 with both ends included, into ours.

    Args:
        entry: As the annotation says it.
        where: File and place, for messages.
    """
    if entry.corners is None:
        return ListedBox(entry.name, None, where)
    left, top, right, bottom = entry.corners
    if right <= left or bottom <= top:  # a pixel less would make something of nothing
        return ListedBox(entry.name, entry.corners, where)
    return ListedBox(entry.name, (left - 1, top - 1, right, bottom), where, entry.difficult)
