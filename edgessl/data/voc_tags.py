"""Folders in VOC's layout, read as images with several labels: the classes that each one shows."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from edgessl.data.class_names import class_name
from edgessl.data.dataset import Entry, Listing, SplitName, Tags
from edgessl.data.reading import NO_SPLITS, Reading
from edgessl.data.tree import walk
from edgessl.data.voc import ANNOTATIONS, IMAGES, LISTS, is_voc, read_annotation, read_list
from edgessl.errors import UserError

_LISTS: tuple[tuple[str, SplitName], ...] = (
    ("test", "test"), ("val", "val"), ("train", "train"), ("trainval", "train"),
)  # fmt: skip
"""Lists and their splits; of an image that is in several, the first one counts."""
_DEPTH = 4  # folders down to JPEGImages: an archive's own, VOCdevkit/VOC2012
_SHOWN = 5


def find_voc(root: Path) -> Path | None:
    """Return the folder that has the layout, which may lie a few folders deep; None without one.

    Args:
        root: What the user passed.
    """
    base = Path(os.path.abspath(root))
    for _ in range(_DEPTH):
        if is_voc(base):
            found = any(one.suffix == ".xml" for one in (base / ANNOTATIONS).iterdir())
            return base if found else None
        inner = [one for one in base.iterdir() if one.is_dir() and not one.name.startswith(".")]
        if len(inner) != 1:
            return None
        (base,) = inner
    return None


def list_voc(root: Path, base: Path, reading: Reading) -> Listing:
    """List the images with the classes that they show, difficult ones apart as VOC counts them.

    Args:
        root: What the user passed.
        base: From ``find_voc``.
        reading: What the user says; its ``splits`` may be none.

    Raises:
        UserError: Annotations are damaged, lists name images that are not there, or other splits
            are asked for; several mistakes are told at once.
    """
    if reading.splits not in ("", NO_SPLITS):
        raise UserError(
            f"--splits: must be {NO_SPLITS} or left out for {base}, whose lists in {LISTS} say "
            f"what is which, got '{reading.splits}'; write the lists, or pass --layout flat"
        )
    folder, notes = base / IMAGES, []
    paths = {
        name.rsplit(".", 1)[0]: folder.joinpath(*one.parts, name)
        for one in walk(folder).folders for name in one.names
    }  # fmt: skip
    splits = None if reading.splits else _splits(base, paths.keys())
    tags = _tags(base, paths)
    entries, outside, bare = [], 0, 0
    for stem, path in sorted(paths.items()):
        split = "train" if splits is None else splits.get(stem)
        outside += split is None
        if split is None or stem not in tags:
            bare += split is not None
            kept_out = split in ("test", "val")
            entries.append(Entry(path, None, "test" if kept_out else "unlabeled"))
        else:
            entries.append(Entry(path, None, split, tags[stem]))
    if outside:
        notes.append(f"{outside} image(s) that no list of {LISTS} names are for pretraining only.")
    if bare:
        notes.append(f"{bare} image(s) without a file in {ANNOTATIONS} have no labels.")
    notes.append(
        f"Read as PASCAL VOC: the classes of the boxes in {ANNOTATIONS} are an image's labels; "
        "--layout flat reads no labels."
    )
    name = Path(os.path.abspath(root)).name or "images"
    return Listing(
        name, str(Path(os.path.abspath(root))), tuple(entries), tuple(notes),
        layout=f"PASCAL VOC, {IMAGES} and {ANNOTATIONS}: several labels an image",
    )  # fmt: skip


def _tags(base: Path, paths: Collection[str]) -> dict[str, Tags]:
    found: dict[str, Tags] = {}
    mistakes: list[str] = []
    for stem in sorted(paths):
        file = base / ANNOTATIONS / f"{stem}.xml"
        if not file.is_file():
            continue
        try:
            objects = read_annotation(file).objects
            if any(not one.name for one in objects):
                raise UserError(
                    f"{file}: must name the class of every object, got one without; add it"
                )
        except UserError as error:
            mistakes.append(str(error))
            continue
        shown = {class_name(one.name) for one in objects if not one.difficult}
        hard = {class_name(one.name) for one in objects if one.difficult} - shown
        found[stem] = Tags(tuple(sorted(shown)), tuple(sorted(hard)))
    if mistakes:
        more = [f"and {len(mistakes) - _SHOWN} more"] if len(mistakes) > _SHOWN else []
        raise UserError("\n".join([*mistakes[:_SHOWN], *more]))
    return found


def _splits(base: Path, stems: Collection[str]) -> dict[str, SplitName] | None:
    """Return the split of every listed image; None without lists."""
    splits: dict[str, SplitName] = {}
    missing: list[str] = []
    there = [one for one in _LISTS if (base / LISTS / f"{one[0]}.txt").is_file()]
    for name, split in there:
        for stem in read_list(base / LISTS / f"{name}.txt"):
            if stem not in stems:
                missing.append(f"{name}.txt: {stem[:80]!a}")
            splits.setdefault(stem, split)
    if missing:
        raise UserError(
            f"{base / LISTS}: must list images of {IMAGES}/, got {len(missing)} that it lacks: "
            f"{', '.join(missing[:_SHOWN])}; add them, or remove their lines"
        )
    return splits if there else None
