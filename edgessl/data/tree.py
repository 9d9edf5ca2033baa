"""The image files under a folder, and what else lies there, counted by kind."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgessl.data.thumbnails import without_thumbnails
from edgessl.errors import UserError

SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .avif .bmp .dib .gif .tif .tiff .ppm .pgm .pbm .pnm"
    " .jp2 .j2k .mpo".split()
)
"""Lower-case suffixes of the files that are read as images."""

UNSUPPORTED = frozenset(".heic .heif .svg .psd .dng .cr2 .nef .arw .raw .jxl .pdf .eps".split())
"""Suffixes of pictures that edgessl cannot read; they are counted and named."""

_LITTER = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
_KEPT_BY_STORAGE = frozenset({
    "@eadir", "@__thumb", "@recycle", "#recycle", "#snapshot", "$recycle.bin", "@tmp",
    "system volume information", "lost+found",
})  # fmt: skip
"""Folders of thumbnails, bins and copies: their images are others once more, or were deleted."""


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
        others: Suffix, or ``""`` for none -> number of files that are no images by their names.
        skipped: Name of a folder that a storage system keeps for itself -> how many there are.
        thumbnails: Number of small copies of other images here, which are left out.
        hidden: Number of files and folders that are hidden, or left by an operating system.
    """

    root: Path
    folders: tuple[Folder, ...]
    unsupported: dict[str, int]
    others: dict[str, int]
    skipped: dict[str, int]
    thumbnails: int = 0
    hidden: int = 0


def walk(root: Path) -> Tree:
    """Find the images under a folder, through symbolic links, each real folder once.

    Raises:
        UserError: A folder cannot be read.
    """
    folders: list[Folder] = []
    unsupported: Counter[str] = Counter()
    others: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    hidden: Counter[str] = Counter()
    for parts, names in _folders(str(root), (), set(), skipped, hidden):
        images = []
        for name in names:
            suffix = os.path.splitext(name)[1].lower()
            if suffix in SUFFIXES:
                images.append(name)
            elif suffix in UNSUPPORTED:
                unsupported[suffix] += 1
            else:
                others[suffix] += 1
        if images:
            folders.append(Folder(parts, tuple(images)))
    counted = [dict(sorted(counter.items())) for counter in (unsupported, others, skipped)]
    kept, thumbnails = without_thumbnails({one.parts: one.names for one in folders})
    inside = tuple(Folder(parts, names) for parts, names in kept.items())
    return Tree(root, inside, counted[0], counted[1], counted[2], thumbnails, hidden.total())


def is_litter(name: str) -> bool:
    """Tell whether a file or folder name is hidden, or left by an operating system."""
    return name.startswith(".") or name.lower() in _LITTER


def _folders(
    folder: str,
    parts: tuple[str, ...],
    seen: set[tuple[int, int]],
    skipped: Counter[str],
    hidden: Counter[str],
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
                    hidden[entry.name] += 1
                    continue
                if entry.name.lower() in _KEPT_BY_STORAGE and entry.is_dir():
                    skipped[entry.name] += 1
                elif entry.is_dir():
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
        yield from _folders(entry.path, (*parts, entry.name), seen, skipped, hidden)


def none_found(tree: Tree) -> str:
    """Say what was found in a folder without images, and the way out."""
    if not tree.unsupported:
        return "none; check the path"
    return f"only {_unreadable(tree)}, which edgessl cannot read; convert them to JPEG or PNG"


def left_out(tree: Tree) -> Iterator[str]:
    """Say what was not even looked at, by kinds."""
    if tree.unsupported:
        yield (
            f"{_unreadable(tree)} left out: edgessl cannot read that format; convert to JPEG or "
            "PNG what should be used."
        )
    if tree.skipped:
        named = ", ".join(f"{count} {name}" for name, count in tree.skipped.items())
        yield f"Folders that a storage system keeps for itself are left out: {named}."
    if tree.thumbnails:
        yield f"Thumbnails of other images here are left out: {tree.thumbnails}."
    if tree.others:
        kinds = sorted(tree.others.items(), key=lambda kind: (-kind[1], kind[0]))
        named = ", ".join(f"{n} {suffix or 'without a suffix'}" for suffix, n in kinds[:_SHOWN])
        more = f" and {len(kinds) - _SHOWN} kinds more" if len(kinds) > _SHOWN else ""
        yield f"Files that are no images by the end of their names are left out: {named}{more}."


def skipped_by_kind(tree: Tree) -> dict[str, int]:
    """Count what was not looked at, by kinds."""
    others = {f"files {suffix or 'without a suffix'}": n for suffix, n in tree.others.items()}
    unsupported = {f"{suffix} pictures": n for suffix, n in tree.unsupported.items()}
    folders = {f"folders {name}": n for name, n in tree.skipped.items()}
    more = {"thumbnails": tree.thumbnails, "hidden files and folders": tree.hidden}
    found = {**unsupported, **folders, **more, **others}
    return {kind: count for kind, count in found.items() if count}


_SHOWN = 5


def _unreadable(tree: Tree) -> str:
    return " and ".join(
        f"{count} {suffix} file(s)" for suffix, count in tree.unsupported.items()
    )
