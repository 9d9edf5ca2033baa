"""``--val-group`` holds whole folders or groups out: no scene is on both sides."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from pictures import class_folders, save

from edgessl.data.dataset import Dataset
from edgessl.data.groups import Groups, hold_out_groups
from edgessl.data.load import dataset_of, load_dataset
from edgessl.data.sample import Sample
from edgessl.errors import UserError


def _groups_of(dataset: Dataset) -> dict[str, set[str]]:
    """Folders of each split."""
    return {
        name: {path.parent.name for path in getattr(dataset, name).paths}
        for name in ("train", "val", "test")
    }


def _scenes(root: Path, scenes: int = 6, count: int = 5) -> Path:
    """Two classes, each in several scenes; a test split of a scene of its own."""
    folders = {
        f"train/{label}/{label}-scene{n}": count for label in ("cat", "dog") for n in range(scenes)
    }
    return class_folders(root, {**folders, "test/cat": 4, "test/dog": 4})


def test_no_folder_is_on_both_sides(tmp_path: Path) -> None:
    data = str(_scenes(tmp_path / "pics"))
    grouped, single = load_dataset(data, val_group="parent"), load_dataset(data)
    found = _groups_of(grouped)
    assert found["val"]
    assert not found["val"] & found["train"]
    assert _groups_of(single)["val"] & _groups_of(single)["train"]
    assert grouped.val.labels is not None
    assert set(grouped.val.labels) == {0, 1}
    assert grouped.fingerprint != single.fingerprint
    assert any(
        note == "2 whole folders, 10 training images (17 %), are held out as val: every choice is "
        "made on them, test is read once at the end."
        for note in grouped.notes
    )


def test_a_checkpoint_finds_the_same_split_again(tmp_path: Path) -> None:
    data = str(_scenes(tmp_path / "pics"))
    dataset = load_dataset(data, val_group="parent")
    provenance = {
        "data": data, "labels": None, "label_percent": None, "val_percent": 10.0, "seed": 0,
    }  # fmt: skip
    again = dataset_of({**provenance, "val_group": "parent"})
    assert again.fingerprint == dataset.fingerprint
    assert dataset_of(provenance).fingerprint == load_dataset(data).fingerprint


def _manifest(root: Path, *, split: str = "") -> Path:
    """Five shops, each with both classes; one image says no shop."""
    rows = ["path,label,split,Shop"]
    for number in range(40):
        name = f"{number}.png"
        save(root / name, number)
        shop = f"shop{number // 2 % 5}" if number else ""
        rows.append(f"{name},{'ab'[number % 2]},{split},{shop}")
    (root / "list.csv").write_text("\n".join(rows), encoding="utf-8")
    return root / "list.csv"


def test_a_column_groups_images_and_a_test_split_is_made_so_too(tmp_path: Path) -> None:
    file = _manifest(tmp_path)
    dataset = load_dataset(str(file), val_group="shop")
    shops: dict[str, set[str]] = defaultdict(set)
    for name in ("train", "val", "test"):
        for path in getattr(dataset, name).paths:
            number = int(path.stem)
            shops[f"shop{number // 2 % 5}" if number else "none"].add(name)
    assert all(len(places) == 1 for places in shops.values())
    assert {place for places in shops.values() for place in places} == {"train", "val", "test"}
    assert not any("not read" in note for note in dataset.notes)
    assert any("whole groups by the column 'shop'" in note for note in dataset.notes)
    assert any("not read: 'shop'" in note for note in load_dataset(str(file)).notes)


def test_a_column_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    file = _manifest(tmp_path)
    with pytest.raises(UserError, match=r"--val-group: must be 'parent' or a column of .*list\.csv,"
                                        r" got 'shops'; did you mean shop\?"):  # fmt: skip
        load_dataset(str(file), val_group="shops")


def test_a_column_needs_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--val-group: must be 'parent', because .* is no CSV"):
        load_dataset(str(_scenes(tmp_path / "pics")), val_group="shop")


def test_class_folders_without_folders_in_them_are_refused(tmp_path: Path) -> None:
    data = class_folders(tmp_path, {"train/a": 9, "train/b": 9, "test/a": 3, "test/b": 3})
    expected = (
        "--val-group parent: must leave at least half of every class when one of the folders is "
        "held out, got none in "
    )
    with pytest.raises(UserError, match=expected):
        load_dataset(str(data), val_group="parent")


def test_a_val_split_of_the_source_stays(tmp_path: Path) -> None:
    folders = {f"{split}/{name}": 6 for split in ("train", "val", "test") for name in "ab"}
    data = str(class_folders(tmp_path, folders))
    dataset = load_dataset(data, val_group="parent")
    assert dataset.fingerprint == load_dataset(data).fingerprint
    assert any("has a val split, so --val-group changes nothing" in note for note in dataset.notes)


def _sample(content: str, label: str, place: str) -> Sample:
    return Sample(hashlib.sha1(content.encode()).hexdigest(), label, Path(place, content))


def _groups(samples: list[Sample]) -> Groups:
    return Groups("parent", {sample.path: sample.path.parent.name for sample in samples})


def test_the_share_is_reached_and_every_class_is_shown_and_keeps_half() -> None:
    samples = [
        _sample(f"{label}{group}-{n}", label, f"{label}{group}")
        for label in "abc" for group in range(8) for n in range(1 + group)
    ]  # fmt: skip
    for salt in ("test", "val", "another"):
        held, count = hold_out_groups(samples, _groups(samples), 10, salt=salt)
        total, kept = (Counter(s.label for s in samples if s.digest not in out)
                       for out in (frozenset(), held))
        assert count >= 3
        assert 0.1 * len(samples) <= len(held) <= 0.1 * len(samples) + 3 * 8  # a group a class
        for label in "abc":
            assert total[label] / 2 <= kept[label] < total[label]


def test_groups_with_a_content_in_common_are_one() -> None:
    samples = [_sample(f"{group}-{n}", "a", str(group)) for group in range(9) for n in range(3)]
    samples += [_sample("shared", "a", "1"), _sample("shared", "a", "2"), _sample("x", "b", "z")]
    for salt in "abcdefgh":
        held, _ = hold_out_groups(samples, _groups(samples), 10, salt=salt)
        first, second = (
            {s.digest in held for s in samples if s.path.parent.name == group} for group in "12"
        )
        assert first == second
        assert len(first) == 1
