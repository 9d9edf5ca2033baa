"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import time
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
    temporary, held = path, None
    try:
        temporary, held = _begin(path)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise not_writable(path, error.strerror or str(error)) from error
    finally:
        if held is not None:
            temporary.unlink(missing_ok=True)
            os.close(held)


def _begin(path: Path) -> tuple[Path, int]:
    """Make the temporary file and hold its lock, which ends with the process, however it ends."""
    while True:
        temporary = temporary_name(path)
        held = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        _lock(held)
        if temporary.exists():
            return temporary, held
        os.close(held)  # who clears up came between making and locking it


def temporary_name(path: Path) -> Path:
    """Return a name beside a file that nobody else writes to, on whatever machine or container.

    Args:
        path: The final name.
    """
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")


def expanded(written: str | Path) -> Path:
    """Return a path whose ``~`` stands for a home, where there is one; else as it is written.

    Args:
        written: What a user wrote.
    """
    try:
        return Path(written).expanduser()
    except RuntimeError:  # a user id without a home, as in containers, or ``~nobody``
        return Path(written)


def remove_leftovers(folder: Path, names: Collection[str]) -> None:
    """Delete what killed processes left of their unfinished writes.

    Whether a process is alive, its lock tells: process numbers say nothing where several machines
    or containers share a disk. Where that has no locks, what is older than a day is left over.

    Args:
        folder: Where they wrote.
        names: Final names of the files; temporary files of others stay.
    """
    for path in folder.glob(".*.tmp"):
        match = _TEMPORARY.fullmatch(path.name)
        if match and match[1] in names:
            with suppress(OSError):  # somebody else has removed it, or only they may
                _remove_unless_held(path)


_TEMPORARY = re.compile(r"\.(.+)\.(?:[0-9a-f]{16}|\d+)\.tmp")  # numbers: earlier versions
_LEFTOVER_AFTER_S = 24 * 3600.0


def _remove_unless_held(path: Path) -> None:
    opened = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        free = _lock(opened)
        if free is None:
            free = time.time() - os.fstat(opened).st_mtime > _LEFTOVER_AFTER_S
        if free:
            path.unlink()
    finally:
        os.close(opened)


def _lock(opened: int) -> bool | None:
    """Lock a file without waiting; False if somebody else has, None if the disk knows no locks."""
    import fcntl  # not on Windows, whose users are told so elsewhere

    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
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


def lasting(source: str | Path | None) -> str | None:
    """Name a source of images so that it is found from any folder.

    Args:
        source: A folder, a file, or the name of a set; None stays None.
    """
    if source is None:
        return None
    path = expanded(source)
    return str(path.absolute()) if path.exists() else str(source)
