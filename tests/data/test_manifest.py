"""A CSV manifest names images, labels and splits; all its mistakes are reported at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from pictures import save

from edgessl.data.manifest import list_manifest
from edgessl.errors import UserError


def manifest(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    for number in range(4):
        save(folder / "images" / f"{number}.png", number)
    path = folder / "set.csv"
    path.write_text(text, encoding=encoding)
    return path


def rows(path: Path) -> list[tuple[str, str | None, str]]:
    return [(entry.path.name, entry.label, entry.split) for entry in list_manifest(path).entries]


def test_all_columns(tmp_path: Path) -> None:
    text = "path,label,split\nimages/0.png,cat,train\nimages/1.png,dog,test\nimages/2.png,dog,val\n"
    expected = [("0.png", "cat", "train"), ("1.png", "dog", "test"), ("2.png", "dog", "val")]
    assert rows(manifest(tmp_path, text)) == expected


def test_without_a_split_a_row_trains_and_without_a_label_it_is_unlabelled(tmp_path: Path) -> None:
    text = "path,label,split\nimages/0.png,cat,\nimages/1.png,,train\nimages/2.png,,test\n"
    expected = [("0.png", "cat", "train"), ("1.png", None, "unlabeled"), ("2.png", None, "test")]
    assert rows(manifest(tmp_path, text)) == expected


def test_only_the_path_is_required(tmp_path: Path) -> None:
    assert rows(manifest(tmp_path, "path\nimages/0.png\n")) == [("0.png", None, "unlabeled")]


def test_columns_in_any_order_and_a_spreadsheet_s_first_bytes(tmp_path: Path) -> None:
    path = manifest(tmp_path, "Label,extra,PATH\ncat,1,images/0.png\n", encoding="utf-8-sig")
    assert rows(path) == [("0.png", "cat", "train")]


def test_every_mistake_is_listed_with_its_line(tmp_path: Path) -> None:
    text = (
        "path,label,split\nimages/9.png,cat,\nimages/0.png,cat,tran\n,cat,\n"
        "images/1.png,cat,\nimages/1.png,dog,\n"
    )
    with pytest.raises(UserError) as caught:
        list_manifest(manifest(tmp_path, text))
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("set.csv: 4 mistake(s)")
    assert lines[1].startswith("  line 2: no file 'images/9.png'")
    assert lines[2].endswith("got 'tran'; did you mean train?")
    assert lines[3] == "  line 4: path must not be empty"
    assert lines[4].startswith("  line 6: 'images/1.png' is listed twice")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("images/0.png,cat\n", "must start with the header path,label,split"),
        ("", "must start with the header"),
        ("path,label\n", "must list images, found no row"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        list_manifest(manifest(tmp_path, text))


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(UserError, match="must be a CSV file in UTF-8"):
        list_manifest(path)
