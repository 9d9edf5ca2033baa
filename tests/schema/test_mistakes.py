"""A table tells all its mistakes at once, each with its place, what came, and a way out."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from edgessl.errors import UserError
from edgessl.schema import Table, read_toml, validate


class Inner(Table):
    """A nested table."""

    epochs: int = 1
    batch_size: Annotated[int, Field(gt=0)] = 32
    learning_rate: float = 0.1


class Outer(Table):
    """A table with tables in it."""

    train: Inner
    stages: tuple[Inner, ...] = ()
    flag: bool = False


def _message(values: dict[str, Any]) -> str:
    with pytest.raises(UserError) as refusal:
        validate(Outer, values, "my.toml")
    assert refusal.value.exit_code == 2
    return str(refusal.value)


def test_all_mistakes_come_at_once() -> None:
    values = {"train": {"epochs": "100", "batch_size": -4, "lerning_rate": 0.1}}
    assert _message(values) == (
        "my.toml: 3 mistake(s)\n"
        "  train.epochs: Input should be a valid integer, got '100'\n"
        "  train.batch_size: Input should be greater than 0, got -4\n"
        "  train.lerning_rate: unknown key; did you mean learning_rate?"
    )


def test_an_unknown_key_near_to_none_is_told_all_known_ones() -> None:
    assert _message({"train": {}, "zzz": 1}) == (
        "my.toml: 1 mistake(s)\n  zzz: unknown key; known keys: train, stages, flag"
    )


def test_an_entry_of_a_list_is_named_by_its_number() -> None:
    assert "stages.1.epoch: unknown key; did you mean epochs?" in _message(
        {"train": {}, "stages": [{}, {"epoch": 1}]}
    )


def test_a_missing_table_is_named() -> None:
    assert _message({}) == "my.toml: 1 mistake(s)\n  train: must be given, found nothing"


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"train": 3}, "train: must be a table, got 3"),
        ({"train": {}, "stages": 3}, "stages: Input should be a valid array, got 3"),
        ({"train": {"epochs": 1.5}}, "train.epochs: Input should be a valid integer, got 1.5"),
        ({"train": {"epochs": True}}, "train.epochs: Input should be a valid integer, got True"),
        ({"train": {}, "flag": "yes"}, "flag: Input should be a valid boolean, got 'yes'"),
        ({"train": {"learning_rate": inf}},
         "train.learning_rate: Input should be a finite number, got inf"),
    ],
)
def test_a_wrong_type_is_refused(values: dict[str, Any], line: str) -> None:
    assert f"my.toml: 1 mistake(s)\n  {line}" in _message(values)


def test_an_integer_is_a_number() -> None:
    assert validate(Outer, {"train": {"learning_rate": 1}}, "my.toml").train.learning_rate == 1.0


def test_tables_are_frozen() -> None:
    table = validate(Outer, {"train": {}}, "my.toml")
    with pytest.raises(ValueError, match="frozen"):
        table.flag = True  # type: ignore[misc]


def test_broken_toml_is_told_with_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("a = 1\nb = [\nc = ]", encoding="utf-8")
    with pytest.raises(UserError, match=r"broken\.toml: must be valid TOML, got: .*line 3"):
        read_toml(path)
    with pytest.raises(UserError, match="must be a TOML file, found none; check the path"):
        read_toml(tmp_path / "none.toml")
    with pytest.raises(UserError, match="must be a TOML file that can be read, got"):
        read_toml(tmp_path)
