"""What reading a file told, remembered in the cache until the file changes.

Rows carry a checksum: one that is not as it was written is dropped, and its file is read again.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import PIL

from edgessl.data.cache import cache_part, remove
from edgessl.data.decode import usable_formats
from edgessl.data.value_range import Values
from edgessl.errors import UserError

_VERSION = 3  # raise it when decode accepts or refuses other files
_COLUMNS = "path, state, digest, height, width, reason, kind, low, high, least, most, word"
_ASKED_AT_ONCE = 500  # paths; older builds of SQLite take up to 999
_OUTSIDE = (3, 5, 6, 7, 8, 10, 13, 14, 23)
"""SQLite's codes PERM, BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN and AUTH."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Verified:
    """What reading one file told.

    Attributes:
        digest: SHA-1 of the content, in hexadecimal; empty if the file could not be read.
        height: Of the upright image, in pixels; 0 if it is unusable.
        width: Likewise.
        reason: Why the file is unusable; empty if it is fine.
        values: Its pixel values; None if it is unusable.
    """

    digest: str
    height: int
    width: int
    reason: str
    values: Values | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A file as it lies there.

    Attributes:
        name: Its path, as bytes if that is in no known encoding.
        state: Size, times and inode, which change when another file takes its place; empty if
            there is no file.
    """

    name: str | bytes
    state: str


def key_of(path: Path) -> Key:
    """Look at a file from outside. The time of change tells of files with copied dates, too."""
    name: str | bytes = str(path)
    try:
        str(path).encode()
    except UnicodeEncodeError:
        name = os.fsencode(path)
    try:
        return Key(name, _state(os.stat(path)))
    except (OSError, ValueError):
        return Key(name, "")


def _state(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


class KnownFiles:
    """The memory, open. Use ``known_files``.

    Args:
        place: The database.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._database = self._open()
        self._waiting: list[tuple[object, ...]] = []  # rows; others may write until the commit

    def recall(self, paths: Sequence[Path]) -> list[Verified | None]:
        """Return what is known of each file; None if nothing is, or the file has changed."""
        results: list[Verified | None] = []
        for start in range(0, len(paths), _ASKED_AT_ONCE):
            keys = [key_of(path) for path in paths[start : start + _ASKED_AT_ONCE]]
            found = self._sound(partial(self._rows, keys))
            results += [_checked(key, found.get(key.name)) for key in keys]
        return results

    def remember(self, key: Key, result: Verified) -> None:
        """Keep what the content of a file told. What hindered reading it says nothing of it."""
        if not key.state or not result.digest:
            return
        self._waiting.append((key.name, key.state, *_plain(result), _word(key, result)))

    def forget(self, path: Path) -> None:
        """Drop what is known of a file."""
        name = (key_of(path).name,)
        self._sound(lambda: self._database.execute("DELETE FROM files WHERE path = ?", name))

    def commit(self) -> None:
        """Write down what was remembered so far."""
        self._sound(self._write)
        self._waiting.clear()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _write(self) -> None:
        written = f"INSERT OR REPLACE INTO files ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
        self._database.executemany(written, self._waiting)
        self._database.commit()

    def _rows(self, keys: Sequence[Key]) -> dict[Any, tuple[Any, ...]]:
        marks = ",".join("?" * len(keys))
        asked = f"SELECT {_COLUMNS} FROM files WHERE path IN ({marks})"
        found = self._database.execute(asked, [key.name for key in keys])
        return {row[0]: row[1:] for row in found}

    def _sound(self, action: Callable[[], Answer]) -> Answer:
        """Do something with the database; if it proves damaged, start it over and do it again."""
        try:
            return action()
        except sqlite3.DatabaseError as error:
            if not _damaged(error):
                raise
            self._database.close()
            remove(self._place)
            self._database = self._open()
            return action()

    def _open(self) -> sqlite3.Connection:
        try:
            return _connect(self._place)
        except sqlite3.DatabaseError as error:
            if not _damaged(error):
                raise
            remove(self._place)
            return _connect(self._place)


@contextmanager
def known_files() -> Iterator[KnownFiles]:
    """Open the memory.

    Raises:
        UserError: The cache folder is not writable.
    """
    place = cache_part("verified.sqlite")
    try:
        with closing(KnownFiles(place)) as known:
            yield known
    except sqlite3.Error as error:
        raise UserError(
            f"{place}: must be readable and writable, got '{error}'; free some space, "
            "run edgessl data --cache --clear, or set EDGESSL_CACHE to another folder"
        ) from error


def forget(path: Path) -> None:
    """Drop what is known of a file that proved to be another one; a hint, so no error counts."""
    with suppress(UserError), known_files() as known:
        known.forget(path)
        known.commit()


def _damaged(error: sqlite3.Error) -> bool:
    """Tell a database that is no good, or of another version, from a disk or a lock that is not."""
    code: int = getattr(error, "sqlite_errorcode", 0)  # our own errors have none
    return code & 0xFF not in _OUTSIDE


def _connect(place: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(place, timeout=60)
    connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError("another version")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, state TEXT, digest TEXT,"
            " height INTEGER, width INTEGER, reason TEXT, kind TEXT, low REAL, high REAL,"
            " least REAL, most REAL, word TEXT) WITHOUT ROWID"
        )
        connection.execute(f"SELECT {_COLUMNS} FROM files")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    except BaseException:
        connection.close()
        raise
    return connection


def _checked(key: Key, row: tuple[Any, ...] | None) -> Verified | None:
    """Return what a row says, if it is about the file as it lies there and as it was written."""
    if row is None or not key.state or row[0] != key.state:
        return None
    digest, height, width, reason, *numbers, word = row[1:]
    values = None if numbers[0] is None else Values(*numbers)
    result = Verified(digest, height, width, reason, values)
    return result if word == _word(key, result) else None


def _plain(result: Verified) -> tuple[object, ...]:
    numbers = (None,) * 5 if result.values is None else astuple(result.values)
    return (result.digest, result.height, result.width, result.reason, *numbers)


def _word(key: Key, result: Verified) -> str:
    """Return the checksum of a row; what a decoder refuses, another one may read."""
    decoders = (PIL.__version__, usable_formats()) if result.reason else ()
    content = repr((key.name, key.state, _plain(result), decoders))
    return hashlib.sha1(content.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
