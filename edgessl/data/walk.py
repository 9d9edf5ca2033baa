"""The image files under a folder, without what operating systems leave lying about."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
