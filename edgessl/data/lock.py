"""A file that one process at a time may write; the lock ends with the process, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_ASK_AGAIN_S = 0.2


@contextmanager
def locked_file(path: Path, waiting: Callable[[], None]) -> Iterator[BinaryIO]:
    """Open a file to read and write, alone.

    The holder may rename or delete it; whoever waited then gets a new, empty one.

    Args:
        path: The file; made if it is not there.
        waiting: Called again and again while another process holds it.

    Raises:
        OSError: It cannot be made or locked.
    """
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "rb+")
        with file:
            _wait_for(file, waiting)
            if _is_at(file, path):
                yield file
                return


def _wait_for(file: BinaryIO, waiting: Callable[[], None]) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            waiting()
            time.sleep(_ASK_AGAIN_S)


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False
