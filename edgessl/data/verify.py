"""Which files are sound images: looked at once, remembered, the rest left out by name."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgessl.data.cache import cache_part, remove
from edgessl.data.dataset import SPLIT_NAMES, Entry
from edgessl.data.decode import MIN_SIDE_PX, BadImage, decode, read_bytes
from edgessl.data.divide import Sample, Splits
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


MIN_IMAGES = 10
MAX_QUARANTINED_PERCENT = 10.0


@dataclass(frozen=True, slots=True)
class Sound:
    """What a source holds once every file was read.

    Attributes:
        splits: The usable images of each split.
        quarantined: The other files, each with the reason.
        duplicates: Number of usable files whose content another one also has.
    """

    splits: Splits
    quarantined: tuple[tuple[Path, str], ...]
    duplicates: int


def check_files(source: str, entries: Iterable[Entry], progress: Progress | None) -> Sound:
    """Read every file and leave out the unusable ones.

    Args:
        source: What the user passed, for messages.
        entries: The files.
        progress: Called with (done, total) over the files that have to be read.

    Raises:
        UserError: Fewer than ``MIN_IMAGES`` are usable, or more than ``MAX_QUARANTINED_PERCENT``
            are not.
    """
    entries = tuple(entries)
    results = verify([entry.path for entry in entries], progress)
    bad = tuple(
        sorted((e.path, r.reason) for e, r in zip(entries, results, strict=True) if r.reason)
    )
    _refuse_poor(source, len(entries), bad)
    splits: Splits = {name: [] for name in SPLIT_NAMES}
    for entry, result in zip(entries, results, strict=True):
        if not result.reason:
            splits[entry.split].append(Sample(result.digest, entry.label, entry.path))
    counts = Counter(result.digest for result in results if not result.reason)
    return Sound(splits, bad, sum(count for count in counts.values() if count > 1))


def _refuse_poor(source: str, count: int, bad: tuple[tuple[Path, str], ...]) -> None:
    shown = "".join(f"\n  {path}: {reason}" for path, reason in bad[:5])
    shown += f"\n  and {len(bad) - 5} more" if len(bad) > 5 else ""
    if count - len(bad) < MIN_IMAGES:
        raise UserError(
            f"{source}: must hold at least {MIN_IMAGES} usable images, got {count - len(bad)}; "
            f"add some{shown}"
        )
    if len(bad) > count * MAX_QUARANTINED_PERCENT / 100:
        raise UserError(
            f"{source}: at most {MAX_QUARANTINED_PERCENT:g} % of the images may be unusable, "
            f"got {len(bad)} of {count}; repair or remove them{shown}"
        )
