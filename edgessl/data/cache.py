"""The cache folder: where it is, what is in it, and writing to it whole or not at all."""

from __future__ import annotations

import glob
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgessl.cache_folder import cache_root as cache_root
from edgessl.errors import UserError
from edgessl.files import temporary_name

PARTS = {
    "demo": "the drawn demo set",
    "sets": "downloaded named sets",
    "packs": "decoded images, ready for training",
    "locks": "which packs are being made",
    "verified.sqlite": "which files are sound",
    "weights": "weights of ImageNet",
    "runtimes": "onnxruntime for web pages",
    "environments": "runtimes and converters of devices",
    "engines.json": "which precision and memory format are fastest here",
    "bench.json": "how long backbones take here",
}
"""Everything edgessl keeps in the cache folder; nothing else there is ever touched."""


def cache_part(name: str) -> Path:
    """Return the place of one part, a key of ``PARTS``, making the folder that holds it.

    Raises:
        UserError: The cache folder cannot be made.
    """
    root = cache_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(root, error) from error
    return root / name


def cache_sizes() -> dict[str, int]:
    """Return the bytes on disk of each part, by the keys of ``PARTS``."""
    return {name: _size(cache_root() / name) for name in PARTS}


def clear_cache() -> int:
    """Delete every part.

    Returns:
        The bytes set free.

    Raises:
        UserError: Something cannot be deleted.
    """
    freed = sum(cache_sizes().values())
    for name in PARTS:
        remove(cache_root() / name)
        for unfinished in cache_root().glob(f".{name}.*.tmp"):
            remove(unfinished)
    return freed


def remove(path: Path) -> None:
    """Delete a file or a folder of the cache; nothing happens if it is not there."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise not_writable(path, error) from error


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Give a temporary name for a file or folder in the cache; rename it to ``path`` on success.

    Args:
        path: The final place. A file that is there is replaced; a folder that another process has
            made meanwhile is kept, since both hold the same.

    Raises:
        UserError: The disk is full or the cache is not writable.
    """
    temporary = temporary_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_old(path)
        yield temporary
        if not (temporary.is_dir() and path.is_dir()):
            temporary.replace(path)
    except OSError as error:
        raise not_writable(path, error) from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


_LEFTOVER_AFTER_S = 7 * 24 * 3600.0  # longer than any download


def _remove_old(path: Path) -> None:
    """Delete what processes that were killed long ago left of making one file or folder."""
    for old in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        with suppress(OSError):
            if time.time() - old.stat().st_mtime > _LEFTOVER_AFTER_S:
                remove(old)


def not_writable(path: Path, error: OSError) -> UserError:
    """Say that the cache cannot be written, and what to do."""
    return UserError(
        f"{path}: the cache must be writable, got '{error.strerror or error}'; "
        "free some space or set EDGESSL_CACHE to another folder"
    )


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
