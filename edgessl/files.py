"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgessl.errors import UserError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary name to write to; flush and rename it to ``path`` on success.

    Once this is through, the new file is there even after a power cut.

    Args:
        path: The final name. Its folder must exist.

    Raises:
        UserError: The disk is full or the folder is not writable.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise not_writable(path, error.strerror or str(error)) from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path, names: Collection[str]) -> None:
    """Delete what killed processes left of their unfinished writes.

    Args:
        folder: Where they wrote.
        names: Final names of the files; temporary files of others stay.
    """
    for path in folder.glob(".*.tmp"):
        match = re.fullmatch(r"\.(.+)\.(\d+)\.tmp", path.name)
        if match and match[1] in names and not _alive(int(match[2])):
            path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    """Say whether a process of this machine may still be writing."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is another user's
        return True
    return True


def _flush_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the file system can."""
    with suppress(OSError):  # some network file systems refuse to flush folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def not_writable(path: Path, reason: str) -> UserError:
    """Say that a file cannot be written, and what to do."""
    return UserError(
        f"{path}: must be writable, got '{reason}'; free some space or write to another folder"
    )
