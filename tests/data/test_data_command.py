"""``edgessl data`` prints what was understood, for people and as JSON, and manages the cache."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from pictures import class_folders
from typer.testing import CliRunner, Result

from edgessl.cli.data import data
from edgessl.errors import UserError


def run(*arguments: object) -> Result:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(data)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes, one unusable file, one pair of twins."""
    root = class_folders(tmp_path / "pics [1]", {"cat": 20, "dog": 20})
    (root / "cat" / "bad.jpg").write_text("no image")
    (root / "cat" / "twin.png").write_bytes((root / "cat" / "000.png").read_bytes())
    return root


def test_it_says_everything(folder: Path) -> None:
    output = run(folder).output
    for expected in (
        "images: 41 (train",
        "class (2)",
        "short side 12 to 12 px, median 12",
        "bad.jpg: not an image",
        "duplicates: 2",
        "There is no test split: 20 % of each class",
        "are few to pretrain on",
        f"Next: edgessl recipe mobilenetv2-dino --data '{folder}'",
    ):
        assert expected in output


def test_json_is_one_document_with_the_same(folder: Path) -> None:
    document = json.loads(run(folder, "--json").stdout)
    assert sum(document["images"].values()) == 41
    assert [one["name"] for one in document["classes"]] == ["cat", "dog"]
    assert document["classes"][1] == {"name": "dog", "train": 14, "val": 2, "test": 4}
    assert document["sizes"]["width"] == {"min": 16, "median": 16.0, "max": 16}
    assert document["quarantined"] == [
        {"path": str(folder / "cat" / "bad.jpg"), "reason": "not an image"}
    ]
    assert document["duplicates"] == 2
    assert len(document["fingerprint"]) == 40


def test_unlabelled_images_are_told_about_labels(tmp_path: Path) -> None:
    document = json.loads(run(class_folders(tmp_path / "x", {".": 400}), "--json").stdout)
    assert document["classes"] == []
    assert "choose small views" in document["advice"][0]


def test_images_without_labels_are_not_called_train(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "x", {".": 12})
    assert "images: 12 (unlabeled 12)\n" in run(folder).output
    assert json.loads(run(folder, "--json").stdout)["images"]["train"] == 12


def test_a_tree_shows_splits_and_classes_with_the_index_of_their_output(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "x", {"train/b": 3, "train/[a]": 4, "test/b": 5, "test/[a]": 6})
    (root / "notes.txt").write_text("mine")
    (root / "train/b/.DS_Store").write_text("x")
    output = run(root, "--splits", "train=train,test=test").output
    lines = [line.strip("│├└─ ") for line in output.splitlines()]
    start = lines.index("read as class folders in train, test")
    assert lines[start + 1 : start + 10] == [
        "train: 7 images", "0 = [a]: 4", "1 = b: 3", "test: 11 images", "0 = [a]: 6", "1 = b: 5",
        "left out", "hidden files and folders: 1", "files .txt: 1",
    ]  # fmt: skip
    assert "To overrule this: --layout folders, csv or flat; --splits" in output
    assert f"--data {root} --splits train=train,test=test" in output


def test_json_tells_layout_scale_and_what_was_skipped(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "x", {"a/@eaDir": 1, "a": 10, "b": 10})
    document = json.loads(run(root, "--json", "--layout", "folders").stdout)
    assert document["layout"] == "class folders"
    assert document["skipped"] == {"folders @eaDir": 1}
    assert document["value_range"] is None
    assert document["advice"][-1].endswith(f"--data {root} --layout folders")


def test_many_classes_are_not_all_in_the_tree(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "x", {f"c{i:02d}": 2 for i in range(20)})
    output = run(root).output
    assert "and 8 classes more" in output
    assert "    19  c19" in output


def test_the_cache_is_shown_and_cleared(folder: Path, cache: Path) -> None:
    run(folder)
    assert json.loads(run("--cache", "--json").stdout)["bytes"]["verified.sqlite"] > 0
    assert "freed:" in run("--cache", "--clear").output
    assert not (cache / "verified.sqlite").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "must be given DATA, or --cache"),
        (("demo", "--cache"), "must be given DATA, or --cache"),
        (("demo", "--clear"), "--clear: must come with --cache"),
        (("--cache", "--layout", "flat"), "--layout: must come with DATA"),
        (("demo", "--layout", "flat"), "got a named set, whose layout is known"),
        (("demo", "--layout", "flit"), "got 'flit'; did you mean flat?"),
        (("/no/such/place",), "must be a folder, a CSV manifest or a named set"),
    ],
)
def test_misuse_is_refused(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, UserError)
    assert said in str(result.exception)
