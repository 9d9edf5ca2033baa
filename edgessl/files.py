"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgessl.errors import UserError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary name to write to; flush and rename it to ``path`` on success.

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
    except OSError as error:
        raise not_writable(path, error.strerror or str(error)) from error
    finally:
        temporary.unlink(missing_ok=True)


def not_writable(path: Path, reason: str) -> UserError:
    """Say that a file cannot be written, and what to do."""
    return UserError(
        f"{path}: must be writable, got '{reason}'; free some space or write to another folder"
    )
