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
class Tree:
    """The image files under a folder.

    Attributes:
        root: The folder, absolute.
        files: Paths relative to ``root``, sorted.
        unsupported: Suffix -> number of files with it that cannot be read.
    """

    root: Path
    files: tuple[Path, ...]
    unsupported: dict[str, int]


def walk(root: Path) -> Tree:
    """Find the images under a folder, through symbolic links, each real folder once.

    Raises:
        UserError: A folder cannot be read.
    """
    files: list[Path] = []
    unsupported: Counter[str] = Counter()
    for path in _files(root, set()):
        suffix = path.suffix.lower()
        if suffix in SUFFIXES:
            files.append(path.relative_to(root))
        elif suffix in UNSUPPORTED:
            unsupported[suffix] += 1
    return Tree(root, tuple(sorted(files)), dict(sorted(unsupported.items())))


def is_litter(name: str) -> bool:
    """Tell whether a file or folder name is hidden, or left by an operating system."""
    return name.startswith(".") or name.lower() in _LITTER


def _files(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        # Real folders before links, so that a folder keeps its own name.
        entries = sorted(os.scandir(folder), key=lambda entry: (entry.is_symlink(), entry.name))
    except OSError as error:
        raise UserError(
            f"{folder}: must be readable, got '{error.strerror}'; change its permissions"
        ) from error
    for entry in entries:
        if is_litter(entry.name):
            continue
        if entry.is_dir():
            yield from _files(Path(entry.path), seen)
        else:
            yield Path(entry.path)
