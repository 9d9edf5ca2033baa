"""A memory of files that is sound and is not ours says nothing wrong."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pictures import save

from edgessl.data.verify import verify


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE files ADD COLUMN more TEXT",
        "ALTER TABLE files DROP COLUMN reason",
        "ALTER TABLE files RENAME TO others",
        "UPDATE files SET digest = NULL",
        "UPDATE files SET height = height + 1",
    ],
)
def test_it_is_dropped_or_read_by_its_columns(tmp_path: Path, cache: Path, statement: str) -> None:
    path = save(tmp_path / "a.png", seed=1)
    first = verify([path])
    with closing(sqlite3.connect(cache / "verified.sqlite")) as database:
        database.execute(statement)
        database.commit()
    assert verify([path]) == first
    assert verify([path]) == first
