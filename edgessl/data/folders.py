"""Folders of images: class folders, splits of class folders, or plain images."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from edgessl.data.listing import Entry, Listing, SplitName
from edgessl.data.walk import Tree, walk
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
    if not tree.files:
        raise UserError(f"{root}: must hold images, found none{_unreadable(tree)}; check the path")
    depth = _wrappers(tree.files)
    inside = tuple(Path(*file.parts[depth:]) for file in tree.files)
    base = root.joinpath(*tree.files[0].parts[:depth])
    tops = {file.parts[0] for file in inside if len(file.parts) > 1}
    splits = {top for top in tops if top.lower() in SPLIT_FOLDERS}
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


def _wrappers(files: tuple[Path, ...]) -> int:
    """Count the outer folders that hold nothing but one folder, as unpacked archives have."""
    depth = 0
    while True:
        tops = {file.parts[depth] for file in files}
        name = next(iter(tops))
        # The last folder before the images is a class, and a split is never a wrapper.
        deep = all(len(file.parts) > depth + 2 for file in files)
        if len(tops) > 1 or not deep or name.lower() in SPLIT_FOLDERS:
            return depth
        depth += 1


def _split_layout(base: Path, files: tuple[Path, ...]) -> tuple[list[Entry], list[str]]:
    entries: list[Entry] = []
    outside = 0
    for file in files:
        split = SPLIT_FOLDERS.get(file.parts[0].lower()) if len(file.parts) > 1 else None
        if split is None:
            outside += 1
        elif split == "unlabeled" or len(file.parts) == 2:
            kept_out = split in ("test", "val")
            entries.append(Entry(base / file, None, "test" if kept_out else "unlabeled"))
        else:
            entries.append(Entry(base / file, class_name(file.parts[1]), split))
    notes = [f"{outside} image(s) outside the split folders are left out."] if outside else []
    return entries, notes


def _class_layout(base: Path, files: tuple[Path, ...]) -> tuple[list[Entry], list[str]]:
    extra = [f for f in files if SPLIT_FOLDERS.get(f.parts[0].lower()) and len(f.parts) > 1]
    files = tuple(file for file in files if file not in set(extra))
    loose = sum(len(file.parts) == 1 for file in files)
    classes = {file.parts[0] for file in files if len(file.parts) == 2}
    entries = [Entry(base / file, None, "unlabeled") for file in extra]
    if loose or not classes:
        entries += [Entry(base / file, None, "unlabeled") for file in files]
        nested = any(len(file.parts) > 1 for file in files)
        return entries, [_not_classes(loose)] if nested else []
    entries += [Entry(base / file, class_name(file.parts[0]), "train") for file in files]
    return entries, []


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
