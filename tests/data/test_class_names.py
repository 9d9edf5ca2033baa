"""Names that would break a line or a terminal are refused where they come in, with their place."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from pictures import class_folders, save

from edgessl.data.class_names import trouble_with
from edgessl.data.load import list_source, load_dataset
from edgessl.errors import UserError

CONTROL = ("a\nb", "a\rb", "a\tb", "\x1b[31mred", "a\x00b", "a\x7fb", "a\x85b", "a\x9bb",
           "a\u2028b", "a\u2029b", "a\u202eb")  # fmt: skip
FINE = ("Ägypten", "日本", "a b", "F/A-18", "a|b", "<script>", "👨‍👩‍👧", "[/b]", "don't", "שלום")


@pytest.mark.parametrize("name", CONTROL)
def test_a_control_character_is_trouble(name: str) -> None:
    assert "control characters" in trouble_with(name)


@pytest.mark.parametrize("name", FINE)
def test_whatever_prints_is_fine(name: str) -> None:
    assert trouble_with(name) == ""


@pytest.mark.parametrize("name", [name for name in CONTROL if "\0" not in name])
@pytest.mark.parametrize("layout", ["{}", "train/{}"])
def test_a_folder(tmp_path: Path, name: str, layout: str) -> None:
    folder = class_folders(tmp_path / "set", {layout.format(name): 2, layout.format("plain"): 2})
    with pytest.raises(UserError) as caught:
        list_source(str(folder))
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"{folder}: 1 class name(s) cannot be used; rename the folders")
    assert len(lines) == 2
    assert lines[1].startswith(f"  {name!a}, as of ")
    assert "\x1b" not in str(caught.value)


def test_all_names_of_a_folder_at_once(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "set", {f"class\n{i}": 1 for i in range(9)})
    with pytest.raises(UserError, match=r"9 class name\(s\)") as caught:
        list_source(str(folder))
    assert "and 4 more" in str(caught.value)


def test_cells_of_a_table_with_their_lines(tmp_path: Path) -> None:
    for i in range(3):
        save(tmp_path / f"{i}.png", i)
    table = tmp_path / "set.csv"
    table.write_text('path,label\n0.png,fine\n1.png,"a\nb"\n2.png,\x1b[31m\n', encoding="utf-8")
    with pytest.raises(UserError) as caught:
        list_source(str(table))
    assert str(caught.value).splitlines() == [
        f"{table}: 2 mistake(s)",
        "  line 4: label must not hold line breaks or other control characters, got 'a\\nb'",
        "  line 5: label must not hold line breaks or other control characters, got '\\x1b[31m'",
    ]


def test_other_cells_cannot_break_a_message(tmp_path: Path) -> None:
    save(tmp_path / "0.png", 0)
    table = tmp_path / "set.csv"
    rows = ['"x\ny.png",a,', '0.png,a,"te\nst"', f"{'long' * 5000}.png,a,", "nul\0.png,a,"]
    table.write_text("path,label,split\n" + "\n".join(rows) + "\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        list_source(str(table))
    lines = str(caught.value).splitlines()
    assert len(lines) == 1 + 4
    assert all(len(line) < 300 for line in lines)


@pytest.mark.skipif(sys.platform == "darwin", reason="its file names are UTF-8")
def test_a_folder_in_another_encoding_is_one_message(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "set", {"plain": 4, "other": 4})
    os.rename(os.fsencode(folder / "other"), os.fsencode(folder) + b"/caf\xe9")
    with pytest.raises(UserError, match=r"'caf\\udce9', as of .*: must be in UTF-8"):
        list_source(str(folder))


@pytest.mark.skipif(sys.platform == "darwin", reason="its file names are UTF-8")
def test_a_file_in_another_encoding_is_no_label_and_works(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "set", {"a": 8, "b": 8})
    os.rename(os.fsencode(folder / "a" / "000.png"), os.fsencode(folder) + b"/a/caf\xe9.png")
    assert load_dataset(folder).quarantined == ()


def test_a_file_with_a_line_break_is_no_label_and_works(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "set", {"a": 8, "b": 8})
    (folder / "a" / "000.png").rename(folder / "a" / "x\ny.png")
    assert load_dataset(folder).quarantined == ()


def test_the_name_of_the_data_itself(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "my\nset", {"a": 2, "b": 2})
    with pytest.raises(UserError, match=r"the name of the data must not hold line breaks"):
        list_source(str(folder))
