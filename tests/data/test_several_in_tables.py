"""Tables in which images have several labels: in one cell, in several rows, in columns of marks."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from edgessl.data.dataset import Tags
from edgessl.data.folders import list_folder
from edgessl.data.load import load_dataset
from edgessl.data.manifest import list_manifest
from edgessl.data.tagged import tag_table
from edgessl.errors import UserError


def write(root: Path, header: str, *rows: str, count: int = 4) -> Path:
    """Write images ``0.png, 1.png, ...`` and a table of them."""
    for i in range(count):
        Image.new("RGB", (16, 16), (i, 2 * i, 3 * i)).save(root / f"{i}.png")
    path = root / "set.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def tags(path: Path) -> dict[str, Tags | None]:
    return {entry.path.stem: entry.tags for entry in list_manifest(path).entries}


def test_bars_stand_between_the_labels_of_a_cell_and_alone_for_none(tmp_path: Path) -> None:
    path = write(tmp_path, "path,label", "0.png,b|a", "1.png,a", "2.png,|", "3.png, a | c ")
    assert tags(path) == {
        "0": Tags(("a", "b")), "1": Tags(("a",)), "2": Tags(), "3": Tags(("a", "c")),
    }  # fmt: skip


def test_rows_of_one_file_are_its_labels_where_many_files_have_several(tmp_path: Path) -> None:
    path = write(tmp_path, "path,label", "0.png,a", "0.png,b", "1.png,a", "1.png,a", "2.png,b")
    assert tags(path) == {"0": Tags(("a", "b")), "1": Tags(("a",)), "2": Tags(("b",))}
    assert "All rows of a file are its labels: 1 of 3 have several." in list_manifest(path).notes


def test_a_row_too_many_among_many_files_is_a_mistake(tmp_path: Path) -> None:
    rows = [f"{i}.png,a" for i in range(12)]
    path = write(tmp_path, "path,label", *rows, "3.png,b", count=12)
    with pytest.raises(UserError, match=r"line 14: '3.png' is listed twice.*in one cell, as cat"):
        list_manifest(path)


def test_another_split_of_a_file_is_always_a_mistake(tmp_path: Path) -> None:
    path = write(tmp_path, "path,label,split", "0.png,a,train", "0.png,b,test")
    with pytest.raises(UserError, match=r"line 3: '0.png' is listed twice"):
        list_manifest(path)


def test_both_forms_in_one_table_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "path,label", "0.png,a|b", "1.png,a", "1.png,b")
    with pytest.raises(UserError) as caught:
        list_manifest(path)
    assert str(caught.value) == (
        f"{path}: must have the labels of an image in one cell, or in a row each, got both: a "
        "cell 'a|b', and 1 file(s) with rows of different labels, such as '1.png'; write a file "
        "once, with all of its labels in the cell"
    )


def test_an_empty_cell_is_not_known_and_that_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, "path,label", "0.png,a|b", "1.png,")
    assert tags(path) == {"0": Tags(("a", "b")), "1": None}
    assert list_manifest(path).notes[-1] == (
        "1 row(s) with an empty label are not labelled, and used without; for an image that shows "
        "none of the classes write | alone."
    )


def test_a_table_beside_the_images_may_have_bars_or_columns_of_marks(tmp_path: Path) -> None:
    write(tmp_path, "id,label", "0.png,a|b", "1.png,a", "2.png,b", "3.png,b")
    found = {one.path.stem: one.tags for one in list_folder(tmp_path).entries}
    assert found["0"] == Tags(("a", "b"))
    write(tmp_path, "id,red,round", "0.png,1,1", "1.png,0,1", "2.png,0,0", "3.png,1,0")
    found = {one.path.stem: one.tags for one in list_folder(tmp_path).entries}
    assert found == {
        "0": Tags(("red", "round")), "1": Tags(("round",)), "2": Tags(), "3": Tags(("red",)),
    }  # fmt: skip


def test_a_budget_of_labels_leaves_the_other_images_without(tmp_path: Path) -> None:
    rows = [f"{i}.png,{'a|b' if i % 2 else 'a'},{'test' if i > 25 else 'train'}" for i in range(30)]
    path = write(tmp_path, "path,label,split", *rows, count=30)
    dataset = load_dataset(str(path), labels_per_class=3)
    assert tag_table(dataset, dataset.train).shown.sum(axis=0).tolist() == [6, 3]
    assert len(dataset.train) + len(dataset.unlabeled) + len(dataset.val) == 26
    assert dataset.classes == ("a", "b")


def test_a_manifest_may_have_a_column_of_marks_for_each_class(tmp_path: Path) -> None:
    path = write(tmp_path, "path,Red,blue,split", "0.png,1,1,train", "1.png,0,1.0,", "2.png,0,0,")
    assert tags(path) == {"0": Tags(("Red", "blue")), "1": Tags(("blue",)), "2": Tags()}
    assert list_manifest(path).notes == (
        "The labels are in the 2 columns of which each row marks one, or several.",
    )


def test_marks_of_one_class_a_row_are_one_label_an_image(tmp_path: Path) -> None:
    path = write(tmp_path, "path,a,b", "0.png,1,0", "1.png,0,1")
    assert [entry.label for entry in list_manifest(path).entries] == ["a", "b"]


def test_a_cell_that_is_no_mark_among_many_marks_is_a_mistake(tmp_path: Path) -> None:
    rows = [f"{i}.png,1,{i % 2}" for i in range(11)]
    path = write(tmp_path, "path,a,b", *rows, "11.png,nan,", count=12)
    with pytest.raises(UserError) as caught:
        list_manifest(path)
    assert str(caught.value) == (
        f"{path}: 2 mistake(s)\n  line 13: a must be 0 or 1, got 'nan'\n"
        "  line 13: b must be 0 or 1, got ''"
    )


def test_columns_of_other_numbers_mark_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "path,width,height", "0.png,16,1", "1.png,16,16")
    assert [entry.label for entry in list_manifest(path).entries] == [None, None]
