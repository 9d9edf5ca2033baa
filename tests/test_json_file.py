"""JSON that may be damaged is read as a value, a table, or a ValueError."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgessl.json_file import is_amount, parse_json, read_table

DEEP = "[" * 100_000


@pytest.mark.parametrize("text", ["", "{", DEEP, '{"a":' * 100_000, "9" * 100_000])
def test_what_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"3", b"\xff", DEEP.encode()])
def test_a_damaged_table_is_empty(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cache.json"
    assert read_table(path) == {}
    path.write_bytes(content)
    assert read_table(path) == {}


def test_a_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cache.json"
    path.write_text('{"a": [1]}')
    assert read_table(path) == {"a": [1]}


@pytest.mark.parametrize("value", [1, 0.5, 10**9])
def test_amounts(value: float) -> None:
    assert is_amount(value)


@pytest.mark.parametrize("value", [0, -1, True, None, "1", [], float("nan"), float("inf"), 10**400])
def test_no_amounts(value: object) -> None:
    assert not is_amount(value)
