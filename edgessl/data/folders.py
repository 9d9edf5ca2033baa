"""What a folder holds: its images, their classes and splits."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edgessl.data.class_names import class_name
from edgessl.data.dataset import Entry, Listing, SplitName
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.data.split_names import plain_role, says_nothing, split_folders
from edgessl.data.tables import Image, Labels, label_by_tables, tables_in
from edgessl.data.tree import Folder, Tree, left_out, none_found, skipped_by_kind, walk
from edgessl.data.voc_tags import find_voc, list_voc
from edgessl.errors import UserError

__all__ = ["list_folder", "walk"]


@dataclass(frozen=True, slots=True)
class _Inside:
    """The images below the outer folders of a source, and which of its folders are splits.

    Attributes:
        root: What the user passed.
        base: The folder that has splits or classes.
        folders: Those that hold images, seen from the base.
        splits: Top folder -> its split.
    """

    root: Path
    base: Path
    folders: tuple[Folder, ...]
    splits: dict[str, SplitName]

    def split_of(self, folder: Folder) -> SplitName | None:
        """Return the split whose folder this one is, or is in."""
        return self.splits.get(folder.parts[0]) if folder.parts else None

    def of(self, folders: tuple[Folder, ...]) -> _Inside:
        """Return some of the folders."""
        return replace(self, folders=folders)


def list_folder(folder: Path, reading: Reading = AS_FOUND) -> Listing:
    """Read a folder in whichever layout it has, or in the one that is said.

    The layouts, the first that fits:

    - ``train/`` with ``test/``, ``val/`` or ``unlabeled/`` beside it, each of class folders;
    - class folders, with or without ``unlabeled/`` beside them;
    - images, in splits or not, and a table with their labels;
    - PASCAL VOC's, whose images may show several classes each;
    - plain images, nested or not: unlabelled.

    Args:
        folder: An existing folder.
        reading: What the user says about it.

    Raises:
        UserError: It holds no images, a test split without a train split, or not what was said.
    """
    root = Path(os.path.abspath(folder))  # unlike absolute(), this gives ".." a name
    if reading.layout == "auto" and not reading.column and (base := find_voc(root)):
        return list_voc(root, base, reading)
    tree = walk(root)
    if not tree.folders:
        raise UserError(f"{root}: must hold images, found {none_found(tree)}")
    inside = _inside(tree, reading)
    if reading.layout == "flat":
        entries, notes, layout = *_unlabelled(inside), "images without labels"
    elif reading.layout == "folders":
        entries, notes, layout = *_by_folders(inside, forced=True), _words(inside)
    else:
        entries, notes, layout, tree = _as_found(inside, reading, tree)
    told = _said_of_splits(inside) if not reading.splits else ()
    notes = [*notes, *told, *left_out(tree)]
    return Listing(
        root.name or "images", str(root), tuple(entries), tuple(notes), layout=layout,
        skipped=skipped_by_kind(tree),
    )  # fmt: skip


def _inside(tree: Tree, reading: Reading) -> _Inside:
    depth = _wrappers(tree.folders, reading)
    folders = tuple(Folder(one.parts[depth:], one.names) for one in tree.folders)
    base = tree.root.joinpath(*tree.folders[0].parts[:depth])
    tops = dict.fromkeys(one.parts[0] for one in folders if one.parts)
    named = reading.named()
    if named is None:
        return _Inside(tree.root, base, folders, split_folders(tops))
    missing = [name for name in named if name not in tops]
    if missing and reading.layout in ("auto", "folders"):
        raise UserError(
            f"--splits: must name folders with images in {base}, found no {missing[0]!r}; "
            f"there are {', '.join(list(tops)[:8]) or 'none'}"
        )
    return _Inside(tree.root, base, folders, named)


def _as_found(
    inside: _Inside, reading: Reading, tree: Tree
) -> tuple[list[Entry], list[str], str, Tree]:
    """Read folder names as classes where they are, and else the tables beside the images."""
    sure = reading.layout == "csv" or bool(reading.column)
    entries, notes = _by_folders(inside, forced=False)
    classes = {entry.label for entry in entries if entry.label is not None}
    vague = len(classes) < 2 or all(says_nothing(one) for one in _label_folders(inside))
    if sure or vague:
        expected = sure or bool(classes or inside.splits)
        labels = _labels(inside, reading, expected)
        if labels.tables:
            named = " and ".join(table.name for table in labels.tables)
            way_out = "" if sure else (
                f"Labels are those of {named}, since folders name no classes; --layout folders or "
                "flat, and --column NAME, say otherwise."
            )
            told = [*labels.notes, way_out] if way_out else [*labels.notes]
            return list(labels.entries), told, f"a table of labels, {named}", _read(tree, labels)
        notes = [*notes, *labels.notes]
    if sure:
        asked = f"--column {reading.column}" if reading.column else "--layout csv"
        raise UserError(
            f"{asked}: must come with a table (.csv) of images and their labels in {inside.base}, "
            "found none that names these images; drop it, or pass the table itself as --data"
        )
    roles = set(inside.splits.values())
    if "train" not in roles and roles & {"test", "val"} and not _classes_beside(inside):
        shown = ", ".join(sorted(n for n, role in inside.splits.items() if role != "unlabeled"))
        raise UserError(
            f"{inside.base}: must hold a folder train/ beside {shown}/; add it, or say what the "
            "folders are with --splits train=FOLDER,test=FOLDER or --splits none"
        )
    return entries, notes, _words(inside) if classes else "images without labels", tree


def _by_folders(inside: _Inside, *, forced: bool) -> tuple[list[Entry], list[str]]:
    if classes := _classes_beside(inside):
        return _as_classes(inside, classes)
    if "train" in inside.splits.values():
        return _split_layout(inside)
    return _class_layout(inside, forced)


def _labels(inside: _Inside, reading: Reading, expected: bool) -> Labels:
    """Read the tables above the images and beside them."""
    outer = [inside.base, *inside.base.parents]
    above = outer[: outer.index(inside.root) + 1]
    tops = sorted({inside.base / one.parts[0] for one in inside.folders if one.parts})
    beside = [one for one in sorted(inside.base.iterdir()) if one.is_dir() and one not in tops]
    tables = tables_in([*above, *tops, *(one for one in beside if not one.name.startswith("."))])
    images = [
        Image(inside.base.joinpath(*one.parts, name), "/".join((*one.parts, name)),
              inside.split_of(one))
        for one in inside.folders for name in one.names
    ]  # fmt: skip
    return label_by_tables(images, tables, reading, expected=expected)


def _read(tree: Tree, labels: Labels) -> Tree:
    """Count no table that was read as left out."""
    others = Counter(tree.others) - Counter(table.suffix.lower() for table in labels.tables)
    return replace(tree, others=dict(sorted(others.items())))


def _words(inside: _Inside) -> str:
    roles = [one for one in ("train", "val", "test") if one in inside.splits.values()]
    split = "train" in roles and not _classes_beside(inside)
    return f"class folders in {', '.join(roles)}" if split else "class folders"


def _said_of_splits(inside: _Inside) -> Iterator[str]:
    """Say it where names of folders were understood that are not just train, val or test."""
    guessed = {name: role for name, role in inside.splits.items() if plain_role(name) != role}
    if guessed:
        told = ", ".join(f"{name}/ as {role}" for name, role in guessed.items())
        yield (
            f"Read by their names: {told}; --splits train=FOLDER,test=FOLDER, or --splits none "
            "for classes, says otherwise."
        )


def _label_folders(inside: _Inside) -> set[str]:
    """Return the names of folders that would be classes."""
    return {
        one.parts[1 if inside.split_of(one) else 0]
        for one in inside.folders if len(one.parts) > (1 if inside.split_of(one) else 0)
        and inside.split_of(one) != "unlabeled"
    }  # fmt: skip


def _classes_beside(inside: _Inside) -> frozenset[str]:
    """Return folders that are called like splits and are classes: flat, beside other classes.

    A split holds class folders. ``train`` of a set of vehicles holds pictures of trains.
    """
    folders, split_of = inside.folders, inside.split_of
    named = [one for one in folders if split_of(one) not in (None, "unlabeled")]
    beside = [one for one in folders if one.parts and split_of(one) is None]
    if any(not one.parts for one in folders) or not beside:
        return frozenset()
    if any(len(one.parts) > 1 or not plain_role(one.parts[0]) for one in named):
        return frozenset()
    return frozenset(one.parts[0] for one in named)


def _as_classes(inside: _Inside, classes: frozenset[str]) -> tuple[list[Entry], list[str]]:
    entries: list[Entry] = []
    for folder in inside.folders:
        if folder.parts[0] in classes:
            entries += _entries(inside, folder, class_name(folder.parts[0]), "train")
    rest = tuple(one for one in inside.folders if one.parts[0] not in classes)
    others, notes = _class_layout(inside.of(rest))
    names = " and ".join(f"{name}/" for name in sorted(classes))
    note = (
        f"{names}: read as a class and not as a split, because images lie directly in it and class "
        "folders beside it."
    )
    return entries + others, [note, *notes]


def _wrappers(folders: tuple[Folder, ...], reading: Reading) -> int:
    """Count the outer folders that hold nothing but one folder, as unpacked archives have."""
    depth, named = 0, reading.named()
    # The last folder before the images is a class, and a split is never a wrapper.
    while all(len(folder.parts) > depth + 1 for folder in folders):
        tops = {folder.parts[depth] for folder in folders}
        splits = split_folders(tops) if named is None else named
        if len(tops) > 1 or next(iter(tops)) in splits:
            break
        depth += 1
    return depth


def _entries(
    inside: _Inside, folder: Folder, label: str | None, split: SplitName
) -> Iterator[Entry]:
    place = inside.base.joinpath(*folder.parts)
    return (Entry(place / name, label, split) for name in folder.names)


def _unlabelled(inside: _Inside) -> tuple[list[Entry], list[str]]:
    entries: list[Entry] = []
    for folder in inside.folders:
        kept_out = inside.split_of(folder) in ("test", "val")
        entries += _entries(inside, folder, None, "test" if kept_out else "unlabeled")
    return entries, []


def _split_layout(inside: _Inside) -> tuple[list[Entry], list[str]]:
    entries: list[Entry] = []
    outside = 0
    for folder in inside.folders:
        split = inside.split_of(folder)
        if split is None:
            outside += len(folder.names)
        elif split == "unlabeled" or len(folder.parts) == 1:
            kept_out = split in ("test", "val")
            entries += _entries(inside, folder, None, "test" if kept_out else "unlabeled")
        else:
            entries += _entries(inside, folder, class_name(folder.parts[1]), split)
    notes = [f"{outside} image(s) outside the split folders are left out."] if outside else []
    return entries, notes


def _class_layout(inside: _Inside, forced: bool = False) -> tuple[list[Entry], list[str]]:
    """Read top folders as classes.

    Args:
        inside: The folders.
        forced: Whether they are classes even where images lie beside them or deeper.
    """
    entries: list[Entry] = []
    for folder in inside.folders:
        if inside.split_of(folder):
            entries += _entries(inside, folder, None, "unlabeled")
    folders = tuple(one for one in inside.folders if not inside.split_of(one))
    loose = sum(len(folder.names) for folder in folders if not folder.parts)
    labelled = forced or (not loose and any(len(folder.parts) == 1 for folder in folders))
    for folder in folders:
        if labelled and folder.parts:
            entries += _entries(inside, folder, class_name(folder.parts[0]), "train")
        else:
            entries += _entries(inside, folder, None, "unlabeled")
    nested = any(folder.parts for folder in folders)
    if not nested or labelled:
        return entries, []
    return entries, [_beside_folders(loose) if loose else _too_deep(inside.base, folders[0])]


def _beside_folders(loose: int) -> str:
    return (
        f"Folder names are not read as classes, because {loose} image(s) lie beside the folders; "
        "for labels, move those into unlabeled/."
    )


def _too_deep(base: Path, folder: Folder) -> str:
    example, outer = "/".join(folder.parts), shlex.quote(f"{base.name}/{folder.parts[0]}")
    return (
        "Folder names are not read as classes, because the images lie two or more folders deep, "
        f"as in {example}/. For labels, pass a folder that holds class folders, such as "
        f"--data {outer}, or a CSV manifest with a column label."
    )
