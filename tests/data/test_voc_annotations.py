"""VOC's annotations and lists are read as the files say it, and damaged ones are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgessl.data.voc import VocObject, read_annotation, read_list
from edgessl.errors import UserError


def _written(folder: Path, text: str) -> Path:
    path = folder / "one.xml"
    path.write_text(text)
    return path


def test_objects_come_as_the_file_says_them(tmp_path: Path) -> None:
    path = _written(
        tmp_path,
        "<annotation><filename>a.jpg</filename><size><width>64</width><height>48</height></size>"
        "<object><name>cell</name><truncated>1</truncated><difficult>1</difficult><bndbox>"
        "<xmin>1</xmin><ymin>2</ymin><xmax>30.5</xmax><ymax>40</ymax></bndbox></object>"
        "</annotation>",
    )
    found = read_annotation(path)
    assert (found.filename, found.width, found.height) == ("a.jpg", 64, 48)
    assert found.objects == (VocObject("cell", (1.0, 2.0, 30.5, 40.0), True, True),)


@pytest.mark.parametrize("wrong", ["nan", "inf", "", "left"])
def test_a_corner_that_is_no_number_leaves_the_object_without_a_box(
    tmp_path: Path, wrong: str
) -> None:
    path = _written(
        tmp_path,
        f"<annotation><object><name>a</name><bndbox><xmin>{wrong}</xmin><ymin>1</ymin>"
        "<xmax>2</xmax><ymax>2</ymax></bndbox></object></annotation>",
    )
    assert read_annotation(path).objects == (VocObject("a", None),)


@pytest.mark.parametrize("text", ["", "<annotation>", "no xml", "<html></html>"])
def test_what_is_no_annotation_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = _written(tmp_path, text)
    with pytest.raises(UserError, match=r"one\.xml: must be an "):
        read_annotation(path)


def test_a_list_of_a_class_has_a_mark_behind_each_name(tmp_path: Path) -> None:
    path = tmp_path / "cat_train.txt"
    path.write_text("000001 -1\n000002  1\n\n")
    assert read_list(path) == ("000001", "000002")
