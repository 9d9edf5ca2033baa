"""What can happen inside an SQLite file: rows and tables that are not as they were written."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from random import Random

from mutations import BYTES, Mutation

_VALUES = (None, 0, -1, 2**40, "", "x", b"\xff\xfe", "0" * 40, 1.5, "a\nb")


def sqlite_rows(content: bytes, random: Random) -> bytes:
    """Change rows by SQL, so that the file is sound and what it says is not."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "copy.sqlite")
        path.write_bytes(content)
        with closing(sqlite3.connect(path)) as database, suppress(sqlite3.Error):
            _change(database, random)
            database.commit()
        return path.read_bytes()


def _change(database: sqlite3.Connection, random: Random) -> None:
    column = random.choice(("state", "digest", "height", "width", "reason", "kind", "low", "word"))
    some = f"WHERE abs(random()) % {random.choice((1, 2, 8))} = 0"
    statements: tuple[tuple[str, tuple[object, ...]], ...] = (
        (f"UPDATE files SET {column} = ? {some}", (random.choice(_VALUES),)),
        (f"UPDATE files SET {column} = (SELECT {column} FROM files LIMIT 1)", ()),
        ("UPDATE files SET height = height + 1, reason = 'x'", ()),
        (f"DELETE FROM files {some}", ()),
        ("DROP TABLE files", ()),
        (f"ALTER TABLE files DROP COLUMN {column}", ()),
        ("ALTER TABLE files ADD COLUMN more TEXT", ()),
        (f"PRAGMA user_version = {random.choice((0, 1, 99, -1))}", ()),
        ("CREATE TRIGGER wild BEFORE INSERT ON files BEGIN SELECT RAISE(ABORT, 'no'); END", ()),
        ("ALTER TABLE files RENAME TO others", ()),
    )  # fmt: skip
    database.execute(*random.choice(statements))


DATABASE: tuple[Mutation, ...] = (sqlite_rows,) * 10 + BYTES
