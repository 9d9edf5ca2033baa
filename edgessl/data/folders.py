"""Folders of images: class folders, splits of class folders, or plain images."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from edgessl.data.dataset import Entry, Listing, SplitName
from edgessl.data.walk import Folder, Tree, walk
from edgessl.errors import UserError

SPLIT_FOLDERS: dict[str, SplitName] = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "unlabeled": "unlabeled",
    "unlabelled": "unlabeled",
}
"""Folder name in lower case -> what it holds."""


def list_folder(folder: Path) -> Listing:
    """Read a folder in whichever layout it has.

    The layouts, the first that fits:

    - ``train/`` with ``test/``, ``val/`` or ``unlabeled/`` beside it, each of class folders;
    - class folders, with or without ``unlabeled/`` beside them;
    - plain images, nested or not: unlabelled.

    Args:
        folder: An existing folder.

    Raises:
        UserError: It holds no images, or a test split without a train split.
    """
    root = Path(os.path.abspath(folder))  # unlike absolute(), this gives ".." a name
    tree = walk(root)
    if not tree.folders:
        raise UserError(f"{root}: must hold images, found none{_unreadable(tree)}; check the path")
    depth = _wrappers(tree.folders)
    inside = tuple(Folder(folder.parts[depth:], folder.names) for folder in tree.folders)
    base = root.joinpath(*tree.folders[0].parts[:depth])
    splits = {folder.parts[0] for folder in inside if _split_of(folder)}
    roles = {SPLIT_FOLDERS[top.lower()] for top in splits}
    if "train" in roles:
        entries, notes = _split_layout(base, inside)
    elif roles & {"test", "val"}:
        raise UserError(
            f"{base}: must hold a folder train/ beside {', '.join(sorted(splits))}/; add it"
        )
    else:
        entries, notes = _class_layout(base, inside)
    if tree.unsupported:
        notes = [*notes, f"Not read{_unreadable(tree)}: convert them to JPEG or PNG."]
    return Listing(root.name or "images", str(root), tuple(entries), tuple(notes))


def class_name(folder: str) -> str:
    """Return the class a folder name stands for; macOS spells accents in another way."""
    return unicodedata.normalize("NFC", folder)


def _wrappers(folders: tuple[Folder, ...]) -> int:
    """Count the outer folders that hold nothing but one folder, as unpacked archives have."""
    depth = 0
    # The last folder before the images is a class, and a split is never a wrapper.
    while all(len(folder.parts) > depth + 1 for folder in folders):
        tops = {folder.parts[depth] for folder in folders}
        if len(tops) > 1 or next(iter(tops)).lower() in SPLIT_FOLDERS:
            break
        depth += 1
    return depth


def _split_of(folder: Folder) -> SplitName | None:
    """Return the split whose folder this one is, or is in."""
    return SPLIT_FOLDERS.get(folder.parts[0].lower()) if folder.parts else None


def _entries(base: Path, folder: Folder, label: str | None, split: SplitName) -> Iterator[Entry]:
    place = base.joinpath(*folder.parts)
    return (Entry(place / name, label, split) for name in folder.names)


def _split_layout(base: Path, folders: tuple[Folder, ...]) -> tuple[list[Entry], list[str]]:
    entries: list[Entry] = []
    outside = 0
    for folder in folders:
        split = _split_of(folder)
        if split is None:
            outside += len(folder.names)
        elif split == "unlabeled" or len(folder.parts) == 1:
            kept_out = split in ("test", "val")
            entries += _entries(base, folder, None, "test" if kept_out else "unlabeled")
        else:
            entries += _entries(base, folder, class_name(folder.parts[1]), split)
    notes = [f"{outside} image(s) outside the split folders are left out."] if outside else []
    return entries, notes


def _class_layout(base: Path, folders: tuple[Folder, ...]) -> tuple[list[Entry], list[str]]:
    entries: list[Entry] = []
    for folder in folders:
        if _split_of(folder):
            entries += _entries(base, folder, None, "unlabeled")
    folders = tuple(folder for folder in folders if not _split_of(folder))
    loose = sum(len(folder.names) for folder in folders if not folder.parts)
    labelled = not loose and any(len(folder.parts) == 1 for folder in folders)
    for folder in folders:
        if labelled:
            entries += _entries(base, folder, class_name(folder.parts[0]), "train")
        else:
            entries += _entries(base, folder, None, "unlabeled")
    nested = any(folder.parts for folder in folders)
    return entries, [_not_classes(loose)] if nested and not labelled else []


def _not_classes(loose: int) -> str:
    why = (
        f"{loose} image(s) lie beside the folders"
        if loose
        else "the images lie two or more folders deep"
    )
    return (
        f"Folder names are not read as classes, because {why}; "
        "class folders must hold their images directly, other images belong in unlabeled/."
    )


def _unreadable(tree: Tree) -> str:
    if not tree.unsupported:
        return ""
    counts = ", ".join(f"{count} {suffix}" for suffix, count in tree.unsupported.items())
    return f" (but {counts} file(s), which edgessl cannot read)"
