"""Which files are sound: each is read, hashed and decoded once, and that is remembered."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgessl.data.cache import cache_part, remove
from edgessl.data.decode import MIN_SIDE_PX, BadImage, decode, read_bytes
from edgessl.data.parallel import Progress, ordered_map
from edgessl.errors import UserError

_VERSION = 1  # raise it when decode accepts or refuses other files
_COMMIT_EVERY = 1000  # files; what an interrupted check has found so far is kept
_ASKED_AT_ONCE = 500  # paths; older builds of SQLite take up to 999

_Key = tuple[str | bytes, int, int]  # path, bytes, mtime in ns


@dataclass(frozen=True, slots=True)
class Verified:
    """What reading one file told.

    Attributes:
        digest: SHA-1 of the content, in hexadecimal; empty if the file could not be read.
        height: Of the upright image, in pixels; 0 if it is unusable.
        width: Likewise.
        reason: Why the file is unusable; empty if it is fine.
    """

    digest: str
    height: int
    width: int
    reason: str


def verify(paths: Sequence[Path], progress: Progress | None = None) -> list[Verified]:
    """Read, hash and decode every file, or remember that of an unchanged file.

    Args:
        paths: The files, absolute.
        progress: Called with (done, total) over the files that have to be read.

    Returns:
        One result per file, in order.

    Raises:
        UserError: The cache folder is not writable.
    """
    with _memory() as memory:
        results = _recall(memory, paths)
        unknown = [i for i, result in enumerate(results) if result is None]
        fresh = ordered_map(_look, (paths[i] for i in unknown))
        for done, (i, (key, result)) in enumerate(zip(unknown, fresh, strict=True), start=1):
            results[i] = result
            _remember(memory, key, result)
            if done % _COMMIT_EVERY == 0:
                memory.commit()
            if progress is not None:
                progress(done, len(unknown))
        memory.commit()
    return [result for result in results if result is not None]


def _look(path: Path) -> tuple[_Key, Verified]:
    """Read a file; the key is taken first, so that a change meanwhile is seen the next time."""
    return _key(path), _read(path)


def _read(path: Path) -> Verified:
    digest = ""
    try:
        content = read_bytes(path)
        digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        # A scaled decode still reads every byte of the entropy code, so it finds what is missing.
        _, (height, width) = decode(content, at_least_px=MIN_SIDE_PX)
    except BadImage as bad:
        return Verified(digest, 0, 0, str(bad))
    return Verified(digest, height, width, "")


def _key(path: Path) -> _Key:
    name = _name(path)
    try:
        status = os.stat(path)
    except OSError:
        return (name, -1, -1)
    return (name, status.st_size, status.st_mtime_ns)


def _name(path: Path) -> str | bytes:
    """Return a path as SQLite can keep it: as bytes if it is in no known encoding."""
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        return os.fsencode(text)
    return text


@contextmanager
def _memory() -> Iterator[sqlite3.Connection]:
    place = cache_part("verified.sqlite")
    try:
        with closing(_open(place)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise UserError(
            f"{place}: must be readable and writable, got '{error}'; free some space, "
            "run edgessl data --cache --clear, or set EDGESSL_CACHE to another folder"
        ) from error


def _open(place: Path) -> sqlite3.Connection:
    try:
        return _connect(place)
    except sqlite3.OperationalError:  # locked, or not writable
        raise
    except sqlite3.DatabaseError:  # damaged, or of another version: start over
        remove(place)
        return _connect(place)


def _connect(place: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(place, timeout=60)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, _VERSION):
        connection.close()
        raise sqlite3.DatabaseError("another version")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER, mtime INTEGER,"
        " digest TEXT, height INTEGER, width INTEGER, reason TEXT) WITHOUT ROWID"
    )
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    return connection


def _recall(memory: sqlite3.Connection, paths: Sequence[Path]) -> list[Verified | None]:
    """Return what is known of each file; None if nothing is, or the file has changed."""
    results: list[Verified | None] = []
    for start in range(0, len(paths), _ASKED_AT_ONCE):
        keys = [_key(path) for path in paths[start : start + _ASKED_AT_ONCE]]
        marks = ",".join("?" * len(keys))
        rows = memory.execute(
            f"SELECT * FROM files WHERE path IN ({marks})", [key[0] for key in keys]
        )
        known = {row[:3]: row[3:] for row in rows}
        for key in keys:
            found = known.get(key)
            results.append(Verified(*found) if found and key[1] >= 0 else None)
    return results


def _remember(memory: sqlite3.Connection, key: _Key, result: Verified) -> None:
    row = (*key, result.digest, result.height, result.width, result.reason)
    memory.execute("INSERT OR REPLACE INTO files VALUES (?,?,?,?,?,?,?)", row)
