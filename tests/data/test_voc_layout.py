"""Folders in VOC's layout: classes of boxes are labels, splits by the lists, clear refusals."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from edgessl.data.dataset import Tags
from edgessl.data.folders import list_folder
from edgessl.data.load import load_dataset
from edgessl.data.reading import Reading
from edgessl.data.tagged import tag_table
from edgessl.data.voc_tags import find_voc
from edgessl.errors import UserError


def box(name: str, difficult: int = 0, sides: tuple[object, ...] = (1, 2, 30, 40)) -> str:
    """One object as VOC writes it."""
    named = zip(("xmin", "ymin", "xmax", "ymax"), sides, strict=True)
    inner = "".join(f"<{side}>{value}</{side}>" for side, value in named)
    return (
        f"<object><name>{name}</name><difficult>{difficult}</difficult>"
        f"<bndbox>{inner}</bndbox></object>"
    )


def write_voc(base: Path, images: dict[str, str | None], lists: dict[str, list[str]]) -> Path:
    """Write images with objects (None for no XML file) and lists of splits."""
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    for place, (stem, objects) in enumerate(images.items()):
        Image.new("RGB", (48, 40), (place * 7 % 256, place * 3 % 256, place % 256)).save(
            base / "JPEGImages" / f"{stem}.jpg"
        )
        if objects is not None:
            (base / "Annotations" / f"{stem}.xml").write_text(
                "<annotation><size><width>48</width><height>40</height></size>"
                f"{objects}</annotation>"
            )
    for name, stems in lists.items():
        (base / "ImageSets" / "Main" / f"{name}.txt").write_text("\n".join(stems) + "\n")
    return base


def found(root: Path) -> dict[str, tuple[str, Tags | None]]:
    return {one.path.stem: (one.split, one.tags) for one in list_folder(root).entries}


def test_classes_of_boxes_are_labels_and_difficult_ones_alone_are_apart(tmp_path: Path) -> None:
    write_voc(tmp_path, {
        "a": box("cat") + box("cat", 1) + box("dog", 1), "b": "", "c": None,
    }, {})  # fmt: skip
    assert found(tmp_path) == {
        "a": ("train", Tags(("cat",), ("dog",))), "b": ("train", Tags()), "c": ("unlabeled", None),
    }  # fmt: skip


def test_lists_say_which_split_and_test_comes_first(tmp_path: Path) -> None:
    base = write_voc(
        tmp_path / "VOCdevkit" / "VOC2012", dict.fromkeys("abcde", box("cat")),
        {"train": ["a"], "val": ["b"], "trainval": ["a", "b", "c"], "test": ["d"]},
    )  # fmt: skip
    assert find_voc(tmp_path) == base
    assert {stem: split for stem, (split, _) in found(tmp_path).items()} == {
        "a": "train", "b": "val", "c": "train", "d": "test", "e": "unlabeled",
    }  # fmt: skip


def test_a_set_without_lists_is_split_by_the_rarest_class_of_each_image(tmp_path: Path) -> None:
    objects = [box("cell") + (box("rare") if i % 4 == 0 else "") for i in range(40)]
    write_voc(tmp_path, {f"{i:02d}": one for i, one in enumerate(objects)}, {})
    dataset = load_dataset(str(tmp_path))
    assert dataset.classes == ("cell", "rare")
    assert len(dataset.test) == 8
    assert tag_table(dataset, dataset.test).shown.sum(axis=0).tolist() == [8, 2]
    assert len(dataset.val) == 3
    assert len(dataset.train) == 29
    assert any("several labels each" in note for note in dataset.notes)


def test_labels_are_left_alone_where_that_is_said(tmp_path: Path) -> None:
    write_voc(tmp_path, {"a": box("cat")}, {})
    assert {one.tags for one in list_folder(tmp_path, Reading(layout="flat")).entries} == {None}
    with pytest.raises(UserError, match="--splits: must be none or left out for"):
        list_folder(tmp_path, Reading(splits="train=JPEGImages"))


def test_other_folders_do_not_have_the_layout(tmp_path: Path) -> None:
    (tmp_path / "JPEGImages").mkdir()
    assert find_voc(tmp_path) is None
    (tmp_path / "Annotations").mkdir()
    assert find_voc(tmp_path) is None  # no XML file in it


@pytest.mark.parametrize(
    ("objects", "said"),
    [("<object>", "mismatched tag"), (box(""), "must name the class of every object, got one")],
)
def test_damaged_files_are_named(tmp_path: Path, objects: str, said: str) -> None:
    write_voc(tmp_path, {"a": objects, "b": ""}, {})
    with pytest.raises(UserError) as caught:
        list_folder(tmp_path)
    assert str(tmp_path / "Annotations" / "a.xml") in str(caught.value)
    assert said in str(caught.value)


def test_a_class_that_train_lacks_is_refused(tmp_path: Path) -> None:
    images = {f"{i:02d}": box("dog" if i == 11 else "cat") for i in range(12)}
    write_voc(tmp_path, images, {"train": list(images)[:6], "test": list(images)[6:]})
    with pytest.raises(UserError, match=r"every class of test must also be in train, got 1 .* dog"):
        load_dataset(str(tmp_path))


def test_listed_images_that_are_not_there_are_told(tmp_path: Path) -> None:
    base = write_voc(tmp_path, {"a": ""}, {"train": ["a", "gone"], "test": ["away"]})
    with pytest.raises(UserError) as caught:
        list_folder(base)
    assert str(caught.value) == (
        f"{base / 'ImageSets' / 'Main'}: must list images of JPEGImages/, got 2 that it lacks: "
        "test.txt: 'away', train.txt: 'gone'; add them, or remove their lines"
    )
