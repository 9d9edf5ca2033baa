"""What is guessed of a folder is right, or said; what is left out is counted by kind."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pictures import class_folders, save

from edgessl.data.folders import list_folder
from edgessl.data.load import load_dataset
from edgessl.data.manifest import list_manifest
from edgessl.errors import UserError


def found(root: Path) -> Counter[tuple[str | None, str]]:
    return Counter((entry.label, entry.split) for entry in list_folder(root).entries)


@pytest.mark.parametrize("name", ["train", "test", "Training", "val"])
def test_a_class_that_is_called_like_a_split(tmp_path: Path, name: str) -> None:
    class_folders(tmp_path, {"bus": 3, "car": 3, name: 3})
    assert found(tmp_path) == {("bus", "train"): 3, ("car", "train"): 3, (name, "train"): 3}
    assert list_folder(tmp_path).notes == (
        f"{name}/: read as a class and not as a split, because images lie directly in it and class "
        "folders beside it.",
    )


def test_a_split_of_class_folders_stays_a_split(tmp_path: Path) -> None:
    class_folders(tmp_path, {"train/bus": 3, "train/car": 3, "extra": 2})
    assert found(tmp_path) == {("bus", "train"): 3, ("car", "train"): 3}
    assert list_folder(tmp_path).notes == ("2 image(s) outside the split folders are left out.",)


@pytest.mark.parametrize("name", ["@eaDir", "#recycle", "@Recycle", "$RECYCLE.BIN", "lost+found"])
def test_thumbnails_and_bins_of_a_storage_system_are_no_images(tmp_path: Path, name: str) -> None:
    class_folders(tmp_path, {"hat": 3, "shoes": 3, f"hat/{name}/0.png": 1, name: 2})
    assert found(tmp_path) == {("hat", "train"): 3, ("shoes", "train"): 3}
    assert list_folder(tmp_path).notes == (
        f"Folders that a storage system keeps for itself are left out: 2 {name}.",
    )


def test_files_without_the_suffix_of_an_image_are_counted_by_kind(tmp_path: Path) -> None:
    class_folders(tmp_path, {"hat": 4, "shoes": 4})
    for path in sorted((tmp_path / "hat").iterdir())[:2]:
        path.rename(path.with_suffix(""))
    (tmp_path / "notes.txt").write_text("mine")
    assert list_folder(tmp_path).notes == (
        "Files that are no images by the end of their names are left out: 2 without a suffix, "
        "1 .txt.",
    )


def test_the_order_of_numbers_is_said(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "set", {name: 5 for name in ("1", "2", "10")})
    dataset = load_dataset(folder)
    assert dataset.classes == ("1", "10", "2")
    assert any("output 0 is class '1', 1 is class '10', 2 is class '2'" in note
               for note in dataset.notes)  # fmt: skip


def test_it_is_not_said_where_both_orders_are_one(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "set", {name: 5 for name in ("01", "02", "10")})
    assert not any("order of letters" in note for note in load_dataset(folder).notes)


@pytest.mark.parametrize(
    ("written", "ours"),
    [("class", "label"), ("lable", "label"), ("Category", "label"), ("subset", "split")],
)
def test_a_column_under_another_name_is_asked_about(
    tmp_path: Path, written: str, ours: str
) -> None:
    save(tmp_path / "a.png", 1)
    table = tmp_path / "set.csv"
    table.write_text(f"path,{written}\na.png,train\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        list_manifest(table)
    assert str(caught.value) == (
        f"{table}: the columns must be called path, label and split, got '{written.lower()}'; did "
        f"you mean {ours}? Rename that column, or remove it"
        + (f", or pass --column {written.lower()}" if ours == "label" else "")
    )


def test_other_columns_are_named(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 1)
    table = tmp_path / "set.csv"
    table.write_text("path,label,class,width\na.png,x,y,7\n", encoding="utf-8")
    assert list_manifest(table).notes == ("Columns that are not read: 'class', 'width'.",)


@pytest.mark.parametrize(("mark", "word"), [(";", "semicolons"), ("\t", "tabs")])
def test_another_separator_is_named(tmp_path: Path, mark: str, word: str) -> None:
    table = tmp_path / "set.csv"
    table.write_text(f"path{mark}label\na.png{mark}x\n", encoding="utf-8")
    with pytest.raises(UserError, match=f"must have commas between its columns, got {word}"):
        list_manifest(table)
