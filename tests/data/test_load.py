"""load_dataset finds, checks and splits images, and says what it decided and what is wrong."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from pictures import class_folders, save

from edgessl.data.dataset import Dataset
from edgessl.data.divide import draw_images
from edgessl.data.load import load_dataset
from edgessl.errors import UserError

REAL = os.environ.get("EDGESSL_TEST_DATA")


def counts(dataset: Dataset) -> tuple[int, int, int, int]:
    parts = (dataset.train, dataset.val, dataset.test, dataset.unlabeled)
    return (len(parts[0]), len(parts[1]), len(parts[2]), len(parts[3]))


def test_class_folders_get_a_test_and_a_val_split(tmp_path: Path) -> None:
    dataset = load_dataset(str(class_folders(tmp_path / "pics", {"dog": 50, "cat": 50})))
    assert (dataset.name, dataset.classes) == ("pics", ("cat", "dog"))
    assert counts(dataset) == (72, 8, 20, 0)
    assert dataset.test.labels is not None
    assert sorted(dataset.test.labels) == [0] * 10 + [1] * 10
    for path, label in zip(dataset.test.paths, dataset.test.labels, strict=True):
        assert path.parent.name == dataset.classes[label]


def test_given_splits_are_kept(tmp_path: Path) -> None:
    folders = {f"{split}/{name}": 6 for split in ("train", "val", "test") for name in "ab"}
    dataset = load_dataset(str(class_folders(tmp_path, folders)))
    assert counts(dataset) == (12, 12, 12, 0)


def test_no_val_is_carved_when_none_is_wanted(tmp_path: Path) -> None:
    class_folders(tmp_path, {"train/a": 9, "train/b": 9, "test/a": 3, "test/b": 3})
    assert counts(load_dataset(str(tmp_path), val_percent=0)) == (18, 0, 6, 0)


def test_plain_images_are_for_pretraining_only(tmp_path: Path) -> None:
    dataset = load_dataset(str(class_folders(tmp_path, {".": 12})))
    assert counts(dataset) == (12, 0, 0, 0)
    assert (dataset.classes, dataset.train.labels) == ((), None)
    assert dataset.notes == ("There are no labels, so this is for pretraining only.",)


def test_file_names_and_places_change_nothing(tmp_path: Path) -> None:
    first = class_folders(tmp_path / "one", {"a": 20, "b": 20})
    for number, path in enumerate(sorted(first.rglob("*.png"), reverse=True)):
        target = tmp_path / "two" / path.parent.name / f"{number}.PNG"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    one, two = load_dataset(str(first)), load_dataset(str(tmp_path / "two"))
    assert one.fingerprint == two.fingerprint
    assert one.train.digests == two.train.digests


def test_another_image_label_or_split_changes_the_fingerprint(tmp_path: Path) -> None:
    prints = {load_dataset(str(class_folders(tmp_path, {"a": 20, "b": 20}))).fingerprint}
    prints.add(load_dataset(str(tmp_path), val_percent=20).fingerprint)
    prints.add(load_dataset(str(tmp_path), label_percent=50).fingerprint)
    (tmp_path / "b").rename(tmp_path / "c")
    prints.add(load_dataset(str(tmp_path)).fingerprint)
    save(tmp_path / "a" / "new.png", seed=999)
    prints.add(load_dataset(str(tmp_path)).fingerprint)
    assert len(prints) == 5


def test_labels_of_another_source(tmp_path: Path) -> None:
    photos = class_folders(tmp_path / "photos", {".": 30})
    labelled = class_folders(tmp_path / "labelled", {"a": 20, "b": 20}, seed=100)
    twin = min((labelled / "a").iterdir())
    shutil.copy(twin, photos / "twin.png")
    dataset = load_dataset(str(photos), labels=str(labelled))
    assert counts(dataset) == (28, 4, 8, 30)
    assert dataset.name == "photos"
    held = set(dataset.test.digests) | set(dataset.val.digests)
    assert not held & set(dataset.pretraining.digests)


def test_labels_from_a_manifest_inside_the_folder(tmp_path: Path) -> None:
    class_folders(tmp_path, {".": 30})
    rows = [f"{i:03d}.png,{'ab'[i % 2]}" for i in range(20)]
    (tmp_path / "labels.csv").write_text("path,label\n" + "\n".join(rows))
    dataset = load_dataset(str(tmp_path), labels=str(tmp_path / "labels.csv"))
    assert counts(dataset) == (14, 2, 4, 10)


def test_draws_of_images_lie_inside_each_other_and_are_uniform() -> None:
    digests = [f"{number % 90:040x}" for number in range(100)]  # ten with a twin
    draws = [set(draw_images(digests, count, seed=1)) for count in (10, 50, 100)]
    assert [len(draw) for draw in draws] == [10, 50, 100]
    assert draws[0] < draws[1] < draws[2]
    assert draws[0] != set(draw_images(digests, 10, seed=2))
    often = Counter(i for seed in range(400) for i in draw_images(digests, 10, seed))
    assert set(often) == set(range(100))
    assert max(often.values()) < 80  # 40 expected


def test_a_percentage_of_the_labels(tmp_path: Path) -> None:
    class_folders(tmp_path, {"train/a": 40, "train/b": 10, "test/a": 3, "test/b": 3})
    full = load_dataset(str(tmp_path))
    few = load_dataset(str(tmp_path), label_percent=10)
    assert counts(few) == (5, 5, 6, 40)
    assert set(few.pretraining.digests) == set(full.train.digests)
    assert few.val == full.val
    assert few.unlabeled.labels is None


def test_unusable_files_are_left_out_by_name(tmp_path: Path) -> None:
    class_folders(tmp_path, {"a": 20, "b": 20})
    bad = tmp_path / "a" / "bad.jpg"
    bad.write_text("not an image")
    dataset = load_dataset(str(tmp_path))
    assert dataset.quarantined == ((bad, "not an image"),)
    assert sum(counts(dataset)) == 40


def test_many_unusable_files_are_refused(tmp_path: Path) -> None:
    class_folders(tmp_path, {"a": 10, "b": 10})
    for number in range(3):
        (tmp_path / "a" / f"bad{number}.jpg").write_bytes(b"")
    with pytest.raises(UserError, match=r"at most 10 % .* got 3 of 23; repair") as caught:
        load_dataset(str(tmp_path))
    assert "bad0.jpg: empty file" in str(caught.value)


def test_fewer_than_ten_images_are_refused(tmp_path: Path) -> None:
    class_folders(tmp_path, {"a": 5, "b": 4})
    with pytest.raises(UserError, match="must hold at least 10 usable images, got 9"):
        load_dataset(str(tmp_path))


def test_identical_files_go_to_the_same_side(tmp_path: Path) -> None:
    class_folders(tmp_path, {"a": 20, "b": 20})
    for path in list(tmp_path.rglob("*.png")):
        shutil.copy(path, path.with_name(f"copy-{path.name}"))
    dataset = load_dataset(str(tmp_path))
    assert dataset.duplicates == 80
    assert not set(dataset.train.digests) & set(dataset.test.digests + dataset.val.digests)
    assert counts(dataset) == (56, 8, 16, 0)


def test_a_train_image_that_is_also_in_test_is_dropped_with_a_word(tmp_path: Path) -> None:
    class_folders(tmp_path, {"train/a": 10, "train/b": 10, "test/a": 3, "test/b": 3})
    shutil.copy(tmp_path / "test/a/000.png", tmp_path / "train/a/twin.png")
    dataset = load_dataset(str(tmp_path), val_percent=0)
    assert counts(dataset) == (20, 0, 6, 0)
    assert "1 image(s) of train are also in another split; they were dropped" in dataset.notes[0]


def test_an_image_of_two_classes_is_told_and_never_tests(tmp_path: Path) -> None:
    class_folders(tmp_path, {"a": 10, "b": 10})
    twin = tmp_path / "b" / "twin.png"
    shutil.copy(tmp_path / "a" / "000.png", twin)
    dataset = load_dataset(str(tmp_path))
    assert twin in dataset.train.paths
    assert dataset.notes[2].startswith("1 image(s) appear under more than one class")


def test_classes_too_small_for_a_val_split_are_told(tmp_path: Path) -> None:
    dataset = load_dataset(str(class_folders(tmp_path, {name: 3 for name in "abcd"})))
    assert counts(dataset) == (8, 0, 4, 0)
    assert dataset.notes[1] == "The classes are too small to hold out a val split."


def test_the_folder_above_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class_folders(tmp_path / "pics", {"a": 9, "b": 9})
    monkeypatch.chdir(tmp_path / "pics" / "a")
    assert load_dataset("..").source == str(tmp_path / "pics")
    assert load_dataset("..").name == "pics"


def test_a_copy_of_an_unlabelled_test_image_is_not_trained_on(tmp_path: Path) -> None:
    class_folders(tmp_path, {"train/a": 9, "train/b": 9, "test/a": 2, "test/b": 2})
    twin = save(tmp_path / "test" / "loose.png", seed=500)
    shutil.copy(twin, tmp_path / "train" / "a" / "twin.png")
    dataset = load_dataset(str(tmp_path), val_percent=0)
    assert counts(dataset) == (18, 0, 4, 0)


def test_one_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must hold at least 2 classes, got 1 \('cat'\)"):
        load_dataset(str(class_folders(tmp_path, {"cat": 12})))


def test_test_classes_that_train_lacks_are_all_named(tmp_path: Path) -> None:
    class_folders(tmp_path, {"train/a": 9, "train/b": 9, "test/a": 2, "test/y": 2, "test/z": 2})
    with pytest.raises(UserError, match=r"got 2 that train lacks: y, z"):
        load_dataset(str(tmp_path))


def test_label_percent_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--label-percent: must come with labels"):
        load_dataset(str(class_folders(tmp_path, {".": 12})), label_percent=10)


@pytest.mark.parametrize("percent", [0, -1, 101, float("nan")])
def test_a_label_percent_that_is_none_is_refused(tmp_path: Path, percent: float) -> None:
    with pytest.raises(UserError, match=r"--label-percent: must be above 0 and up to 100"):
        load_dataset(str(class_folders(tmp_path, {"a": 9, "b": 9})), label_percent=percent)


def test_labels_without_labels_are_refused(tmp_path: Path) -> None:
    photos = class_folders(tmp_path / "photos", {".": 12})
    with pytest.raises(UserError, match=r"must hold labelled images for --labels, found none"):
        load_dataset(str(photos), labels=str(photos))


def test_an_unknown_name_suggests_a_known_one() -> None:
    with pytest.raises(UserError, match=r"got 'petz'.*did you mean pets\?"):
        load_dataset("petz")
    with pytest.raises(UserError, match=r"known: demo, pets, flowers, dtd, aircraft"):
        load_dataset("/no/such/folder")


def test_the_second_call_reads_no_file_again(tmp_path: Path) -> None:
    class_folders(tmp_path, {"a": 20, "b": 20})
    calls: list[tuple[int, int]] = []
    load_dataset(str(tmp_path), progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (40, 40)
    calls.clear()
    save(tmp_path / "a" / "000.png", seed=777)
    load_dataset(str(tmp_path), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 1)]


@pytest.mark.skipif(REAL is None, reason="EDGESSL_TEST_DATA names no folder of real images")
@pytest.mark.parametrize(
    ("name", "classes", "train", "test"),
    [("clothing10", 10, 2534, 713), ("grocery38", 38, 1734, 1533)],
)
def test_real_photographs(name: str, classes: int, train: int, test: int) -> None:
    dataset = load_dataset(f"{REAL}/{name}")
    assert len(dataset.classes) == classes
    assert (len(dataset.train) + len(dataset.val), len(dataset.test)) == (train, test)
