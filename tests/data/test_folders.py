"""Folders are read in whichever layout they have, and litter in them is ignored."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pictures import class_folders, save

from edgessl.data.folders import list_folder
from edgessl.errors import UserError


def found(root: Path) -> Counter[tuple[str | None, str]]:
    """Count images by label and split."""
    return Counter((entry.label, entry.split) for entry in list_folder(root).entries)


def test_class_folders(tmp_path: Path) -> None:
    class_folders(tmp_path, {"cat": 2, "dog": 3})
    assert found(tmp_path) == {("cat", "train"): 2, ("dog", "train"): 3}


def test_a_class_folder_may_have_folders_inside(tmp_path: Path) -> None:
    class_folders(tmp_path, {"cat": 1, "dog": 1, "dog/puppies": 2})
    assert found(tmp_path) == {("cat", "train"): 1, ("dog", "train"): 3}


@pytest.mark.parametrize("val", ["val", "valid", "Validation"])
def test_split_folders(tmp_path: Path, val: str) -> None:
    class_folders(tmp_path, {"train/cat": 2, "test/cat": 1, f"{val}/cat": 1, "unlabeled": 4})
    expected = {("cat", "train"): 2, ("cat", "test"): 1, ("cat", "val"): 1, (None, "unlabeled"): 4}
    assert found(tmp_path) == expected


def test_unlabeled_beside_class_folders(tmp_path: Path) -> None:
    class_folders(tmp_path, {"cat": 1, "dog": 1, "unlabeled/deep": 2})
    assert found(tmp_path)[(None, "unlabeled")] == 2


@pytest.mark.parametrize("where", [".", "2023/may", "unlabeled"])
def test_plain_images_are_unlabelled(tmp_path: Path, where: str) -> None:
    class_folders(tmp_path, {where: 3, "2024/june" if where != "." else ".": 3})
    assert {split for _, split in found(tmp_path)} == {"unlabeled"}


def test_images_beside_folders_mean_that_folders_are_no_classes(tmp_path: Path) -> None:
    class_folders(tmp_path, {"cat": 2, "dog": 2})
    save(tmp_path / "overview.png", seed=99)
    assert found(tmp_path) == {(None, "unlabeled"): 5}
    assert list_folder(tmp_path).notes == (
        "Folder names are not read as classes, because 1 image(s) lie beside the folders; for "
        "labels, move those into unlabeled/.",
    )


def test_classes_one_level_too_deep_are_named_with_the_way_out(tmp_path: Path) -> None:
    photos = class_folders(tmp_path / "photos", {"site1/cat": 2, "site2/dog": 2})
    assert found(photos) == {(None, "unlabeled"): 4}
    assert list_folder(photos).notes == (
        "Folder names are not read as classes, because the images lie two or more folders deep, "
        "as in site1/cat/. For labels, pass a folder that holds class folders, such as --data "
        "photos/site1, or a CSV manifest with a column label.",
    )


def test_images_without_class_in_a_split_folder_never_mix_with_the_test(tmp_path: Path) -> None:
    class_folders(tmp_path, {"train/cat": 1, "train": 2, "test": 3})
    expected = {("cat", "train"): 1, (None, "unlabeled"): 2, (None, "test"): 3}
    assert found(tmp_path) == expected


def test_images_outside_the_split_folders_are_left_out_with_a_word(tmp_path: Path) -> None:
    class_folders(tmp_path, {"train/cat": 1, "test/cat": 1, "drafts": 2})
    assert sum(found(tmp_path).values()) == 2
    assert list_folder(tmp_path).notes == ("2 image(s) outside the split folders are left out.",)


def test_the_outer_folder_of_an_archive_is_opened(tmp_path: Path) -> None:
    class_folders(tmp_path / "photos-main" / "images", {"cat": 1, "dog": 1})
    assert found(tmp_path) == {("cat", "train"): 1, ("dog", "train"): 1}


def test_litter_is_ignored(tmp_path: Path) -> None:
    class_folders(tmp_path, {"cat": 1, "dog": 1})
    for name in (".DS_Store", "._000.png", "__MACOSX/cat/000.png", ".git/a.png", "README.md"):
        save(tmp_path / "x.png", seed=1).rename(_made(tmp_path / name))
    for name in ("Thumbs.db", "desktop.ini"):
        _made(tmp_path / "cat" / name).write_text("litter")
    assert found(tmp_path) == {("cat", "train"): 1, ("dog", "train"): 1}


def test_symlinks_are_followed_and_loops_end(tmp_path: Path) -> None:
    class_folders(tmp_path / "real", {"cat": 1, "dog": 1})
    (tmp_path / "view").mkdir()
    (tmp_path / "view" / "cat").symlink_to(tmp_path / "real" / "cat")
    (tmp_path / "view" / "dog").symlink_to(tmp_path / "real" / "dog")
    (tmp_path / "real" / "cat" / "up").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "cat" / "self").symlink_to(tmp_path / "real" / "cat")
    assert found(tmp_path / "view")[("cat", "train")] >= 1
    assert found(tmp_path / "real") == {("cat", "train"): 1, ("dog", "train"): 1}


def test_files_that_cannot_be_read_as_images_are_counted(tmp_path: Path) -> None:
    class_folders(tmp_path, {"cat": 1, "dog": 1})
    (tmp_path / "cat" / "a.HEIC").write_text("x")
    assert list_folder(tmp_path).notes == (
        "1 .heic file(s) left out: edgessl cannot read that format; convert to JPEG or PNG what "
        "should be used.",
    )


def test_a_folder_of_files_that_cannot_be_read_is_refused_with_the_way_out(tmp_path: Path) -> None:
    for name in ("a.HEIC", "b.heic", "c.svg"):
        (tmp_path / name).write_text("x")
    with pytest.raises(UserError) as refused:
        list_folder(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}: must hold images, found only 2 .heic file(s) and 1 .svg file(s), which "
        "edgessl cannot read; convert them to JPEG or PNG"
    )


def test_accents_are_the_same_however_they_are_spelled(tmp_path: Path) -> None:
    class_folders(tmp_path, {"train/caf\u00e9": 1, "test/cafe\u0301": 1, "train/tea": 1})
    assert {label for label, _ in found(tmp_path)} == {"caf\u00e9", "tea"}


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must hold images, found none; check the path"):
        list_folder(tmp_path)


def test_a_test_split_needs_a_train_split(tmp_path: Path) -> None:
    class_folders(tmp_path, {"test/cat": 1, "test/dog": 1})
    with pytest.raises(UserError, match=r"must hold a folder train/ beside test/"):
        list_folder(tmp_path)


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
