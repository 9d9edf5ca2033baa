"""TOML of absurd sizes is refused fast and in a sentence."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edgessl.errors import UserError, nearest
from edgessl.recipe.load import load_recipe
from edgessl.toml_file import MAX_DEPTH, parse_toml, read_toml

ABSURD = {
    "lists": "a = " + "[" * 1000 + "]" * 1000,
    "more lists": "a = " + "[" * 100_000 + "]" * 100_000,
    "open lists": "a = " + "[" * 100_000,
    "inline tables": "a = " + "{a = " * 2000 + "1" + "}" * 2000,
    "just too deep": "a = " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
    "dotted key": ".".join("a" * 20_000) + " = 1",
    "dotted key inside": "x = {" + ".".join("a" * 20_000) + " = 1}",
    "dotted header": "[" + ".".join("a" * 20_000) + "]",
    "shorter dotted key": ".".join("a" * 1500) + " = 1",
    "integer": "a = " + "9" * 100_000,
    "smaller integer": "a = 99999999999999999999",
    "hexadecimal": "a = 0x" + "f" * 50_000,
    "long": "a = 1\n" + "# comment\n" * 200_000,
}


@pytest.mark.parametrize("kind", ABSURD)
def test_one_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(ABSURD[kind], encoding="utf-8")
    began = time.perf_counter()
    with pytest.raises(UserError) as caught:
        read_toml(path)
    assert time.perf_counter() - began < 20
    assert str(caught.value).startswith(f"{path}: must be valid TOML, got: ")
    assert len(str(caught.value)) < len(str(path)) + 250
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["lists", "integer", "inline tables", "smaller integer"])
def test_so_are_values_of_overrides(kind: str) -> None:
    value = ABSURD[kind].removeprefix("a = ")
    with pytest.raises(UserError, match=r"^--set train\.epochs: must have a value, got ") as caught:
        load_recipe("mobilenetv2-dino", overrides=[f"train.epochs={value}"])
    assert len(str(caught.value)) < 250


def test_and_their_keys() -> None:
    with pytest.raises(UserError, match=r"^--set a\.a\.a.*must be a key of a recipe") as caught:
        load_recipe("mobilenetv2-dino", overrides=[".".join("a" * 5000) + "=1"])
    assert len(str(caught.value)) < 250


def test_ordinary_depths_and_numbers_are_read() -> None:
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert parse_toml(f"a = {deepest}\nb = 9223372036854775807\nc.d.e = -1.5")["c"]["d"] == {
        "e": -1.5
    }


def test_many_unknown_keys_are_counted_and_some_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("".join(f"key_{i} = 1\n" for i in range(60_000)), encoding="utf-8")
    began = time.perf_counter()
    with pytest.raises(UserError) as caught:
        load_recipe(str(path))
    assert time.perf_counter() - began < 20
    lines = str(caught.value).splitlines()
    assert len(lines) == 1 + 50 + 1
    counted = int(lines[0].split(": ")[1].split()[0])
    assert counted >= 60_000
    assert lines[-1] == f"  and {counted - 50} more"


def test_a_long_word_or_value_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(f'{"k" * 200_000} = 1\nseed = "{"v" * 200_000}"\n', encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_recipe(str(path))
    assert max(map(len, str(caught.value).splitlines())) < 600


def test_a_page_of_text_is_no_slip_of_a_word() -> None:
    assert nearest("x" * 100_000, ["x" * 10]) == ""


def test_many_variants_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('[[variant]]\nname = "a"\n' * 5000, encoding="utf-8")
    with pytest.raises(UserError, match="variant: must be at most 1000 tables, got 5000"):
        load_recipe(str(path))
