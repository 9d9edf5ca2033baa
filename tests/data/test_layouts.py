"""What competitions and programs make of folders is understood, or refused with a way out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from pictures import class_folders, save

from edgessl.data.folders import list_folder
from edgessl.data.load import load_dataset
from edgessl.data.manifest import list_manifest
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.errors import UserError

Found = Counter[tuple[str | None, str]]


def found(root: Path, reading: Reading = AS_FOUND) -> Found:
    return Counter((entry.label, entry.split) for entry in list_folder(root, reading).entries)


def notes(root: Path, reading: Reading = AS_FOUND) -> str:
    return "\n".join(list_folder(root, reading).notes)


def refused(root: Path, reading: Reading = AS_FOUND) -> str:
    with pytest.raises(UserError) as caught:
        list_folder(root, reading)
    return str(caught.value)


def table(path: Path, header: str, rows: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def images(folder: Path, count: int, *, prefix: str = "", seed: int = 0) -> list[str]:
    return [save(folder / f"{prefix}{i:03d}.png", seed + i).stem for i in range(count)]


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train_images", "test_images"), ("imgs_train", "imgs_test"), ("training", "testing"),
        ("Train", "Test"), ("trainset", "testset"), ("train-data", "test-data"),
        ("images_train2017", "images_test2017"),
    ],
)  # fmt: skip
def test_a_competition_is_recognised(tmp_path: Path, train: str, test: str) -> None:
    ids = images(tmp_path / train, 8, prefix="a")
    images(tmp_path / test, 4, prefix="b", seed=50)
    rows = [f"{one},{'hat' if i % 2 else 'shoes'}" for i, one in enumerate(ids)]
    table(tmp_path / "train.csv", "image_id,label", rows)
    table(tmp_path / "sample_submission.csv", "image_id,label", ["b000,hat", "b001,hat"])
    assert found(tmp_path) == {("hat", "train"): 4, ("shoes", "train"): 4, (None, "test"): 4}
    assert "train.csv: 8 of 8 rows name an image, by 'image_id', labels in 'label'." in notes(
        tmp_path
    )
    if train != "training" and train != "Train":
        assert f"{train}/ as train, {test}/ as test; --splits" in notes(tmp_path).replace(
            f"{test}/ as test, {train}/ as train", f"{train}/ as train, {test}/ as test"
        )


def test_without_a_table_its_folders_are_still_no_classes(tmp_path: Path) -> None:
    class_folders(tmp_path, {"train_images": 6, "test_images": 4})
    assert found(tmp_path) == {(None, "unlabeled"): 6, (None, "test"): 4}
    assert "--splits none for classes" in notes(tmp_path)
    overruled = found(tmp_path, Reading(splits="none"))
    assert overruled == {("train_images", "train"): 6, ("test_images", "train"): 4}


def test_folders_beside_them_are_left_out_with_a_word(tmp_path: Path) -> None:
    class_folders(tmp_path, {"train_images": 6, "test_images": 4, "extra": 2})
    assert found(tmp_path) == {(None, "unlabeled"): 6, (None, "test"): 4}
    assert "2 image(s) outside the split folders are left out." in notes(tmp_path)


def test_the_same_names_in_train_and_test_are_told_apart(tmp_path: Path) -> None:
    for folder, seed in (("train", 0), ("test", 50)):
        images(tmp_path / folder, 4, seed=seed)
    table(tmp_path / "train.csv", "id,breed", [f"{i:03d},{'pug' if i % 2 else 'boxer'}"
                                               for i in range(4)])  # fmt: skip
    table(tmp_path / "test.csv", "id", [f"{i:03d}" for i in range(4)])
    assert found(tmp_path) == {("pug", "train"): 2, ("boxer", "train"): 2, (None, "test"): 4}


def test_images_and_a_table_of_labels(tmp_path: Path) -> None:
    ids = images(tmp_path / "images", 6)
    rows = [f"images/{one}.png;{'a' if i < 3 else 'b'}" for i, one in enumerate(ids)]
    table(tmp_path / "labels.csv", "file;class", rows)
    assert found(tmp_path) == {("a", "train"): 3, ("b", "train"): 3}
    listing = list_folder(tmp_path)
    assert listing.layout == "a table of labels, labels.csv"
    assert not any(".csv" in note and "left out" in note for note in listing.notes)


def test_a_table_beside_train_alone(tmp_path: Path) -> None:
    ids = images(tmp_path / "train", 6)
    rows = [f"{one}.png,{'a' if i < 3 else 'b'}" for i, one in enumerate(ids)]
    table(tmp_path / "train.csv", "filename,label", rows)
    assert found(tmp_path) == {("a", "train"): 3, ("b", "train"): 3}


def test_a_column_for_each_class(tmp_path: Path) -> None:
    ids = images(tmp_path / "images", 4)
    rows = [f"{one},{i % 2},{1 - i % 2}" for i, one in enumerate(ids)]
    table(tmp_path / "train.csv", "image_id,rust,healthy", rows)
    assert found(tmp_path) == {("rust", "train"): 2, ("healthy", "train"): 2}


def test_a_column_for_the_split(tmp_path: Path) -> None:
    ids = images(tmp_path / "images", 4)
    rows = [f"{one},{'ab'[i % 2]},{'train' if i < 2 else 'valid'}" for i, one in enumerate(ids)]
    table(tmp_path / "labels.csv", "id,label,split", rows)
    expected = {("a", "train"): 1, ("b", "train"): 1, ("a", "val"): 1, ("b", "val"): 1}
    assert found(tmp_path) == expected
    without = Reading(splits="none")
    assert found(tmp_path, without) == {("a", "train"): 2, ("b", "train"): 2}


def test_an_unclear_column_is_asked_about_and_can_be_said(tmp_path: Path) -> None:
    ids = images(tmp_path / "images", 4)
    rows = [f"{one},{'xy'[i % 2]},{'pq'[i // 2]}" for i, one in enumerate(ids)]
    table(tmp_path / "meta.csv", "id,colour,shape", rows)
    assert refused(tmp_path) == (
        f"{tmp_path / 'meta.csv'}: it must be clear which column has the labels, got 'colour', "
        "'shape'; name it with --column NAME, or read no table with --layout flat"
    )
    said = Reading(column="shape")
    assert found(tmp_path, said) == {("p", "train"): 2, ("q", "train"): 2}
    assert found(tmp_path, Reading(layout="flat")) == {(None, "unlabeled"): 4}


def test_a_table_about_something_else_leaves_plain_images_as_they_are(tmp_path: Path) -> None:
    ids = images(tmp_path, 12)
    rows = [f"{one},{i},{i % 3}" for i, one in enumerate(ids)]
    table(tmp_path / "camera.csv", "id,time,lens", rows)
    table(tmp_path / "captions.csv", "id,caption", [f"{one},picture {one}" for one in ids])
    table(tmp_path / "weather.csv", "day,rain", ["monday,1", "tuesday,0"])
    assert found(tmp_path) == {(None, "unlabeled"): 12}
    assert "camera.csv is not read: it must be clear which column has the labels" in notes(tmp_path)
    assert "weather.csv is not read: no column of it names these images." in notes(tmp_path)
    assert len(found(tmp_path, Reading(column="lens"))) == 3


def test_few_images_with_several_labels_are_refused(tmp_path: Path) -> None:
    ids = images(tmp_path / "images", 12)
    rows = [f"{one},{'a' if one != ids[0] else 'b'}" for one in ids]
    table(tmp_path / "labels.csv", "id,label", [*rows, f"{ids[0]},a"])
    assert "must have one label in the tables, got 'a', 'b', and 1 image(s) have several" in (
        refused(tmp_path)
    )


def test_class_folders_come_before_a_table_unless_it_is_said(tmp_path: Path) -> None:
    class_folders(tmp_path, {"cat": 3, "dog": 3})
    rows = [f"{cls}/{i:03d}.png,{'old' if i else 'young'}" for cls in ("cat", "dog")
            for i in range(3)]  # fmt: skip
    table(tmp_path / "ages.csv", "path,age", rows)
    assert found(tmp_path) == {("cat", "train"): 3, ("dog", "train"): 3}
    for said in (Reading(layout="csv"), Reading(column="age")):
        assert found(tmp_path, said) == {("old", "train"): 4, ("young", "train"): 2}


def test_what_is_said_must_be_there(tmp_path: Path) -> None:
    class_folders(tmp_path, {"cat": 3, "dog": 3})
    assert "--layout csv: must come with a table" in refused(tmp_path, Reading(layout="csv"))
    assert "--column age: must come with a table" in refused(tmp_path, Reading(column="age"))
    missing = refused(tmp_path, Reading(splits="train=cat,test=bird"))
    assert "found no 'bird'; there are cat, dog" in missing


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"layout": "folder"}, "--layout: must be one of auto, folders, csv, flat, got 'folder'"),
        ({"splits": "A,B"}, "--splits: must be none, or say what is which of train, val, test"),
        ({"splits": "train=A,test=A"}, "got 'A' twice"),
        ({"splits": "test=A"}, "must name what to train on"),
        ({"layout": "flat", "column": "x"}, "--column: must come with labels in a table"),
    ],
)
def test_options_that_mean_nothing_are_refused(values: dict[str, str], said: str) -> None:
    with pytest.raises(UserError) as caught:
        Reading(**values)
    assert said in str(caught.value)


def test_split_folders_of_other_names_can_be_said(tmp_path: Path) -> None:
    class_folders(tmp_path, {"2021/cat": 3, "2021/dog": 3, "2022/cat": 2, "2022/dog": 2})
    reading = Reading(splits="train=2021,test=2022")
    expected = {("cat", "train"): 3, ("dog", "train"): 3, ("cat", "test"): 2, ("dog", "test"): 2}
    assert found(tmp_path, reading) == expected
    assert list_folder(tmp_path, reading).layout == "class folders in train, test"


def test_split_names_that_are_classes_can_be_said(tmp_path: Path) -> None:
    class_folders(tmp_path, {"train/old": 3, "train/new": 2, "bus/a": 3})
    assert found(tmp_path, Reading(splits="none", layout="folders")) == {
        ("train", "train"): 5, ("bus", "train"): 3,
    }  # fmt: skip


def test_folders_can_be_classes_though_images_lie_beside_or_deeper(tmp_path: Path) -> None:
    class_folders(tmp_path, {"cat/2021": 2, "dog/2022": 2})
    save(tmp_path / "overview.png", 99)
    assert found(tmp_path, Reading(layout="folders")) == {
        ("cat", "train"): 2, ("dog", "train"): 2, (None, "unlabeled"): 1,
    }  # fmt: skip


def test_flat_reads_no_labels(tmp_path: Path) -> None:
    class_folders(tmp_path, {"train/cat": 3, "test/cat": 2})
    flat = Reading(layout="flat")
    assert found(tmp_path, flat) == {(None, "unlabeled"): 3, (None, "test"): 2}
    assert found(tmp_path, Reading(layout="flat", splits="none")) == {(None, "unlabeled"): 5}


def test_a_manifest_takes_the_same_options(tmp_path: Path) -> None:
    images(tmp_path, 4)
    rows = [f"{i:03d}.png,{'ab'[i % 2]},{'AB'[i // 2]}" for i in range(4)]
    file = table(tmp_path / "set.csv", "path,colour,split", rows)
    listing = list_manifest(file, Reading(column="Colour", splits="train=A,test=B"))
    assert Counter((one.label, one.split) for one in listing.entries) == {
        ("a", "train"): 1, ("b", "train"): 1, ("a", "test"): 1, ("b", "test"): 1,
    }  # fmt: skip
    without = list_manifest(file, Reading(column="colour", splits="none"))
    assert {one.split for one in without.entries} == {"train"}
    flat = list_manifest(file, Reading(layout="flat", splits="none"))
    assert {(one.label, one.split) for one in flat.entries} == {(None, "unlabeled")}
    with pytest.raises(UserError, match=r"--column: must be a column of .* got 'color'; did you"):
        list_manifest(file, Reading(column="color"))
    with pytest.raises(UserError, match="--layout: must be csv or flat for a table"):
        list_manifest(file, Reading(layout="folders"))


def test_a_named_set_takes_none() -> None:
    with pytest.raises(UserError, match="--data demo --layout flat: must be a folder or a CSV"):
        load_dataset("demo", reading=Reading(layout="flat"))


def test_other_labels_are_other_data(tmp_path: Path) -> None:
    class_folders(tmp_path, {"train/old": 12, "train/new": 12, "bus/a": 12, "bus/b": 12})
    prints = {
        load_dataset(tmp_path, reading=reading).fingerprint
        for reading in (AS_FOUND, Reading(layout="flat"), Reading("folders", "none"))
    }
    assert len(prints) == 3


@pytest.mark.parametrize(
    "place",
    [
        "hat/thumbs/{}.png", "thumbnails/{}.png", "hat/{}_thumb.png", "small/{}_thumb.png",
        "hat/{}-150x150.png", "hat/.thumbnails/{}.png", "hat/@eaDir/{}.png/THUMB_M.png",
        "__MACOSX/hat/._{}.png", "hat/.ipynb_checkpoints/{}-checkpoint.png", "thumbs/hat/{}.png",
        "hat/{}_tn.png", "Thumbs/thumb_{}.png",
    ],
)  # fmt: skip
def test_thumbnails_are_no_images(tmp_path: Path, place: str) -> None:
    for name in ("h1", "h2", "h3"):
        save(tmp_path / "hat" / f"{name}.png", seed=ord(name[1]))
        save(tmp_path / place.format(name), seed=90 + ord(name[1]))
    class_folders(tmp_path, {"shoes": 3})
    assert found(tmp_path) == {("hat", "train"): 3, ("shoes", "train"): 3}
    assert sum(list_folder(tmp_path).skipped.values()) >= 1


def test_names_alone_make_no_thumbnails(tmp_path: Path) -> None:
    """Class folders number their images alike, and a thumb may be a class."""
    class_folders(tmp_path, {"thumb": 3, "palm": 3, "fist": 3, "sizes": 0})
    save(tmp_path / "fist" / "a-640x480.png", 70)
    assert found(tmp_path) == {
        ("thumb", "train"): 3, ("palm", "train"): 3, ("fist", "train"): 4,
    }  # fmt: skip
