"""read_hierarchy gives every class its coarse label, and names every mistake of the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgessl.data.hierarchy import find_hierarchy, read_hierarchy
from edgessl.errors import UserError

CLASSES = ("apple", "milk", "pear")
TABLE = "class,coarse,group\napple,Apple,Fruit\npear,Pear,Fruit\nmilk,Milk,Drinks\nnut,Nut,Dry\n"


def _table(folder: Path, text: str) -> Path:
    path = folder / "hierarchy.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_it_reads_a_column_for_the_classes_there_are(tmp_path: Path) -> None:
    found = read_hierarchy(_table(tmp_path, TABLE), "group", CLASSES)
    assert found == {"apple": "Fruit", "pear": "Fruit", "milk": "Drinks"}


def test_it_reads_what_spreadsheets_write(tmp_path: Path) -> None:
    text = "\ufeffclass, group\r\napple, Fruit\r\npear, Fruit\r\nmilk, Drinks\r\n"
    found = read_hierarchy(_table(tmp_path, text), "group", CLASSES)
    assert found["milk"] == "Drinks"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (TABLE.replace("group", "grroup"),
         r"data\.labels: must be a column of .*, got 'group'; did you mean grroup\?; columns: "),
        (TABLE.replace("class,", "name,"), "must start with a header that has the column class"),
        ("", "must start with a header that has the column class"),
        (TABLE.replace("milk,Milk,Drinks\n", ""),
         r"1 mistake\(s\)\n  no line for the class 'milk'"),
        (TABLE.replace("Drinks", " "), "line 4: group must not be empty, as it is for 'milk'"),
        (TABLE + "milk,Milk,Food\n", "line 6: 'milk' is 'Food' here and 'Drinks' above"),
        (TABLE.replace("Drinks", "Dri\x07nks"), "line 4: group must not hold line breaks"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(UserError, match=line):
        read_hierarchy(_table(tmp_path, text), "group", CLASSES)


def test_a_file_of_bytes_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "hierarchy.csv"
    path.write_bytes(b"class,group\n\xff\xfe,x\n")
    with pytest.raises(UserError, match="must be a CSV file in UTF-8"):
        read_hierarchy(path, "group", CLASSES)


def test_it_lies_with_the_images_or_with_the_manifest_or_where_one_says(tmp_path: Path) -> None:
    path, manifest = _table(tmp_path, TABLE), tmp_path / "images.csv"
    manifest.write_text("path,label\n")
    assert find_hierarchy(str(tmp_path), None) == path
    assert find_hierarchy(str(manifest), None) == path
    assert find_hierarchy("imagenet", str(path)) == path


def test_where_there_is_none_the_way_out_is_told(tmp_path: Path) -> None:
    for source in (str(tmp_path), "imagenet"):
        with pytest.raises(UserError, match=r"found none; .* --set data\.hierarchy=FILE"):
            find_hierarchy(source, None)
    with pytest.raises(UserError, match=r"data\.hierarchy: must be a CSV file, got 'no\.csv'"):
        find_hierarchy(str(tmp_path), "no.csv")
