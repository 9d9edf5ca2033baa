"""A wrong row of the memory is dropped and its file read again; answers never change by it."""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pictures import picture, save

from edgessl.data.known_files import key_of, known_files
from edgessl.data.squash import squash
from edgessl.data.verify import verify
from edgessl.errors import UserError


def change(cache: Path, column: str, value: object) -> None:
    with closing(sqlite3.connect(cache / "verified.sqlite")) as database:
        database.execute(f"UPDATE files SET {column} = ?", (value,))
        database.commit()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("digest", "0" * 40), ("digest", ""), ("digest", None), ("digest", 7), ("digest", b"\xff"),
        ("height", 99), ("height", "99"), ("width", -1), ("width", 2**62), ("reason", "not right"),
        ("reason", b"\xff\xfe"), ("word", ""), ("word", None), ("state", "1 2 3 4"),
    ],
)  # fmt: skip
def test_a_changed_row_is_not_believed(
    tmp_path: Path, cache: Path, column: str, value: object
) -> None:
    path = save(tmp_path / "a.png", seed=1)
    first = verify([path])
    change(cache, column, value)
    assert verify([path]) == first
    assert verify([path]) == first


def test_text_that_is_no_utf_8_is_not_believed(tmp_path: Path, cache: Path) -> None:
    path = save(tmp_path / "a.png", seed=1)
    first = verify([path])
    with closing(sqlite3.connect(cache / "verified.sqlite")) as database:
        database.execute("UPDATE files SET reason = CAST(x'ff41' AS TEXT)")
        database.commit()
    assert verify([path]) == first


def test_no_damage_to_the_database_changes_an_answer(tmp_path: Path, cache: Path) -> None:
    paths = [save(tmp_path / f"{seed}.png", seed) for seed in range(40)]
    first = verify(paths)
    whole = (cache / "verified.sqlite").read_bytes()
    chance = random.Random(0)
    for _ in range(25):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 4, 64])):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        if chance.random() < 0.2:
            damaged = damaged[: chance.randrange(len(damaged))]
        (cache / "verified.sqlite").write_bytes(damaged)
        assert verify(paths) == first


def test_a_table_of_other_columns_is_started_over(tmp_path: Path, cache: Path) -> None:
    path = save(tmp_path / "a.png", seed=1)
    cache.mkdir(exist_ok=True)
    with closing(sqlite3.connect(cache / "verified.sqlite")) as database:
        database.execute("CREATE TABLE files (path TEXT PRIMARY KEY, size INTEGER)")
        database.execute("PRAGMA user_version = 2")
    assert verify([path])[0].reason == ""


def test_a_file_that_proves_to_be_another_one_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.png", seed=1)
    monkeypatch.setattr("edgessl.data.known_files._state", lambda _status: "always the same")
    (before,) = verify([path])
    save(path, seed=2)
    assert verify([path]) == [before]  # nothing tells
    with pytest.raises(UserError, match="its content is not what it was; start again"):
        squash(path, before.digest, 16)
    assert verify([path])[0].digest != before.digest  # so starting again helps


def test_while_one_process_looks_at_many_files_another_writes_down_its_own(
    tmp_path: Path, cache: Path
) -> None:
    paths = [save(tmp_path / f"{seed}.png", seed=seed) for seed in (1, 2)]
    result = verify(paths[:1])[0]
    with known_files() as one, known_files() as other:
        one.remember(key_of(paths[0]), result)
        other.remember(key_of(paths[1]), result)
        other.commit()  # waited for a minute, and failed, while the first had not yet
        one.commit()
        assert other.recall(paths) == [result, result]


def test_another_file_with_the_same_size_and_date_is_noticed(tmp_path: Path) -> None:
    path, other = tmp_path / "a.bmp", tmp_path / "b.bmp"
    for place, seed in ((path, 1), (other, 2)):
        picture(seed).save(place)
        os.utime(place, ns=(10**18, 10**18))
    (before,) = verify([path])
    other.replace(path)
    assert verify([path])[0].digest != before.digest


def test_pixels_changed_in_place_under_an_old_date_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.bmp"
    picture(1).save(path)
    os.utime(path, ns=(10**18, 10**18))
    (before,) = verify([path])
    picture(2).save(path)
    os.utime(path, ns=(10**18, 10**18))
    assert verify([path])[0].digest != before.digest
