"""What a folder holds: its images, their classes and splits."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgessl.data.class_names import class_name
from edgessl.data.dataset import Entry, Listing, SplitName
from edgessl.errors import UserError

SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .avif .bmp .dib .gif .tif .tiff .ppm .pgm .pbm .pnm"
    " .jp2 .j2k .mpo".split()
)
"""Lower-case suffixes of the files that are read as images."""

UNSUPPORTED = frozenset(".heic .heif .svg .psd .dng .cr2 .nef .arw .raw .jxl .pdf .eps".split())
"""Suffixes of pictures that edgessl cannot read; they are counted and named."""

_LITTER = frozenset({"__macosx", "thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class Folder:
    """The image files directly in one folder.

    Attributes:
        parts: Names of the folders that lead to it; empty for the root.
        names: Names of its image files, sorted; at least one.
    """

    parts: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """The image files under a folder. What a file is for depends on its folder alone.

    Attributes:
        root: The folder, absolute.
        folders: Every folder that holds images.
        unsupported: Suffix -> number of files with it that cannot be read.
    """

    root: Path
    folders: tuple[Folder, ...]
    unsupported: dict[str, int]


def walk(root: Path) -> Tree:
    """Find the images under a folder, through symbolic links, each real folder once.

    Raises:
        UserError: A folder cannot be read.
    """
    folders: list[Folder] = []
    unsupported: Counter[str] = Counter()
    for parts, names in _folders(str(root), (), set()):
        images = []
        for name in names:
            suffix = os.path.splitext(name)[1].lower()
            if suffix in SUFFIXES:
                images.append(name)
            elif suffix in UNSUPPORTED:
                unsupported[suffix] += 1
        if images:
            folders.append(Folder(parts, tuple(images)))
    return Tree(root, tuple(folders), dict(sorted(unsupported.items())))


def is_litter(name: str) -> bool:
    """Tell whether a file or folder name is hidden, or left by an operating system."""
    return name.startswith(".") or name.lower() in _LITTER


def _folders(
    folder: str, parts: tuple[str, ...], seen: set[tuple[int, int]]
) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield the path of each folder and the sorted names of its files."""
    files: list[str] = []
    inner: list[os.DirEntry[str]] = []
    try:
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_litter(entry.name):
                    continue
                if entry.is_dir():
                    inner.append(entry)
                else:
                    files.append(entry.name)
    except OSError as error:
        raise UserError(
            f"{folder}: must be readable, got '{error.strerror}'; change its permissions"
        ) from error
    yield parts, sorted(files)
    # Real folders before links, so that a folder keeps its own name.
    for entry in sorted(inner, key=lambda entry: (entry.is_symlink(), entry.name)):
        yield from _folders(entry.path, (*parts, entry.name), seen)


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
        raise UserError(f"{root}: must hold images, found {_none_found(tree)}")
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
        notes = [
            *notes,
            f"{_unreadable(tree)} left out: edgessl cannot read that format; convert to JPEG or "
            "PNG what should be used.",
        ]
    return Listing(root.name or "images", str(root), tuple(entries), tuple(notes))


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
    if not nested or labelled:
        return entries, []
    return entries, [_beside_folders(loose) if loose else _too_deep(base, folders[0])]


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


def _none_found(tree: Tree) -> str:
    if not tree.unsupported:
        return "none; check the path"
    return f"only {_unreadable(tree)}, which edgessl cannot read; convert them to JPEG or PNG"


def _unreadable(tree: Tree) -> str:
    return " and ".join(
        f"{count} {suffix} file(s)" for suffix, count in tree.unsupported.items()
    )
