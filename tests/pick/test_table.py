"""The table goes back in as a manifest, and no labels are ever lost to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgessl.data.manifest import list_manifest
from edgessl.errors import UserError
from edgessl.pick.table import refuse_to_lose, write_table


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_the_order_is_kept_and_the_labels_are_empty(tmp_path: Path) -> None:
    paths = [image(tmp_path / "in/b.jpg"), image(tmp_path / "in/a.jpg")]
    write_table(tmp_path / "t.csv", paths)
    assert (tmp_path / "t.csv").read_text() == "path,label\nin/b.jpg,\nin/a.jpg,\n"
    write_table(image(tmp_path / "other/t.csv"), paths)
    assert (tmp_path / "other/t.csv").read_text() == f"path,label\n{paths[0]},\n{paths[1]},\n"


@pytest.mark.parametrize("name", [" lead.jpg", 'a,b "c".jpg', "two\nlines.jpg", "é.jpg", "#.jpg"])
def test_every_name_is_found_again(tmp_path: Path, name: str) -> None:
    path = image(tmp_path / name)
    write_table(tmp_path / "t.csv", [path])
    (entry,) = list_manifest(tmp_path / "t.csv").entries
    assert (entry.path.resolve(), entry.label, entry.split) == (path, None, "unlabeled")


def test_labelled_images_stand_below_with_their_split(tmp_path: Path) -> None:
    new, old, held = (image(tmp_path / f"{name}.jpg") for name in ("new", "old", "held"))
    write_table(tmp_path / "t.csv", [new], [(old, "ant", "train")])
    assert (tmp_path / "t.csv").read_text() == "path,label\nnew.jpg,\nold.jpg,ant\n"
    write_table(tmp_path / "t.csv", [new], [(old, "ant", "train"), (held, "bee", "test")])
    found = [(e.label, e.split) for e in list_manifest(tmp_path / "t.csv").entries]
    assert found == [(None, "unlabeled"), ("ant", "train"), ("bee", "test")]


def test_an_empty_form_may_be_made_again_and_a_filled_one_never(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    write_table(table, [image(tmp_path / "a.jpg")])
    refuse_to_lose(table)
    for text in ("path,label\na.jpg,ant\n", "name,price\n", "\x00\xff", ""):
        table.write_text(text)
        with pytest.raises(UserError, match="holds more than empty labels"):
            refuse_to_lose(table)


def test_a_place_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must be a \.csv file"):
        refuse_to_lose(tmp_path / "t.txt")
    with pytest.raises(UserError, match="in a folder that exists"):
        refuse_to_lose(tmp_path / "missing/t.csv")
