"""The papers' sets are read as the papers use them, from their own layouts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from dense.tiny_boxes import HEIGHT, WIDTH, draw, write_yolo
from dense.transfer.tiny_sets import CROWD, write_devkit, write_instances

from edgessl.dense.transfer.load import load_scenes
from edgessl.dense.transfer.scenes import decode_masks
from edgessl.dense.transfer.sets import VOC2007, VOC2012, find_part
from edgessl.errors import UserError


def test_both_years_train_on_trainval_and_test_on_2007(tmp_path: Path) -> None:
    scenes = load_scenes(write_devkit(tmp_path))
    assert (len(scenes.train), len(scenes.test)) == (12, 4)
    assert scenes.classes == ("blue", "red")
    assert not scenes.has_masks
    assert [one.path.parts[-3] for one in scenes.train[::11]] == ["VOC2007", "VOC2012"]


def test_one_year_is_read_by_its_lists(tmp_path: Path) -> None:
    """Those of val belong to trainval."""
    scenes = load_scenes(write_devkit(tmp_path) / "VOC2007")
    assert (len(scenes.train), len(scenes.test)) == (8, 4)


def test_difficult_objects_are_learned(tmp_path: Path) -> None:
    scenes = load_scenes(write_devkit(tmp_path))
    (difficult,) = [one for one in scenes.train if one.difficult.any()]
    assert not difficult.crowd.any()


def test_boxes_have_no_pixel_of_their_own_at_the_edge(tmp_path: Path) -> None:
    """VOC counts from 1 with both ends included."""
    scenes = load_scenes(write_devkit(tmp_path))
    for scene in scenes.test:
        drawn = [corners for _, corners in draw(int(scene.path.stem))[1]]
        assert scene.boxes.tolist() == [list(map(float, one)) for one in drawn]


@pytest.mark.parametrize("missing", ["Annotations/000002.xml", "JPEGImages/000002.png"])
def test_a_file_that_a_list_names_must_be_there(tmp_path: Path, missing: str) -> None:
    (write_devkit(tmp_path) / "VOC2007" / missing).unlink()
    with pytest.raises(UserError, match=r"000002\.(xml|jpg): must be there, because .*trainval"):
        load_scenes(tmp_path)


def test_coco_has_masks_and_its_groups_are_not_learned(tmp_path: Path) -> None:
    scenes = load_scenes(write_instances(tmp_path))
    assert (len(scenes.train), len(scenes.test)) == (7, 4)  # one has no object
    assert scenes.has_masks
    (group,) = [one for one in scenes.train if one.crowd.any()]
    assert group.path.stem == f"{CROWD:012d}"
    assert group.crowd.tolist() == group.difficult.tolist() == [False, True]
    assert any("no object" in note for note in scenes.notes)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ([[1.0, 2.0, 3.0, 4.0]], "must be polygons of three corners or run lengths"),
        ([["a"] * 6], "must be polygons of three corners or run lengths"),
        ({"size": [48, 64], "counts": [5, 5]}, "must be polygons of three corners or run lengths"),
        ({"size": [2, 5], "counts": [5, 5]}, "of an image of another size"),
    ],
)
def test_a_broken_mask_is_left_out_by_name(tmp_path: Path, broken: object, told: str) -> None:
    path = write_instances(tmp_path) / "annotations/instances_train2017.json"
    table = json.loads(path.read_text())
    table["annotations"][2]["segmentation"] = broken
    path.write_text(json.dumps(table))
    scenes = load_scenes(tmp_path)
    ((where, reason),) = scenes.left_out
    assert where == "instances_train2017.json, annotation 2"
    assert told in reason
    assert scenes.has_masks


@pytest.mark.parametrize("number", [CROWD, 9])
def test_polygons_and_run_lengths_draw_the_same_mask(tmp_path: Path, number: int) -> None:
    scenes = load_scenes(write_instances(tmp_path))
    (scene,) = [one for one in (*scenes.train, *scenes.test) if int(one.path.stem) == number]
    masks = decode_masks(scene, range(len(scene.boxes)))
    assert masks.shape == (2, HEIGHT, WIDTH)
    for mask, (left, top, right, bottom) in zip(masks, scene.boxes.astype(int), strict=True):
        wanted = np.zeros((HEIGHT, WIDTH), np.uint8)
        wanted[top:bottom, left:right] = 1
        assert mask.tolist() == wanted.tolist()


def test_what_is_tested_on_is_not_trained_on(tmp_path: Path) -> None:
    write_devkit(tmp_path)
    twin = tmp_path / "VOC2007/JPEGImages"
    (twin / "000000.png").write_bytes((twin / "000008.png").read_bytes())
    scenes = load_scenes(tmp_path)
    assert len(scenes.train) == 11
    assert scenes.left_out == ((str(twin / "000000.png"), "the same content as an image of test"),)


def test_a_users_own_boxes_train_on_val_too(tmp_path: Path) -> None:
    scenes = load_scenes(write_yolo(tmp_path))
    assert (len(scenes.train), len(scenes.test)) == (12, 4)


def test_other_masks_make_another_set(tmp_path: Path) -> None:
    first = load_scenes(write_instances(tmp_path))
    path = tmp_path / "annotations/instances_train2017.json"
    path.write_text(path.read_text().replace('"counts": [', '"counts": [0, 0, ', 1))
    assert load_scenes(tmp_path).fingerprint != first.fingerprint


def test_named_sets_are_found_where_the_user_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_devkit(tmp_path / "VOCdevkit")
    monkeypatch.setenv("EDGESSL_DATA", str(tmp_path))
    assert len(load_scenes("voc07").train) == 8
    both = load_scenes("voc07+12")
    assert (both.name, both.source, len(both.train)) == ("voc07+12", "voc07+12", 12)


def test_what_is_not_there_is_downloaded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EDGESSL_DATA", raising=False)
    asked = []

    def get(name: str, archives: object, folder: Path, way_out: str) -> None:
        asked.append((name, archives, way_out))
        write_devkit(folder / "VOCdevkit")

    for _ in range(2):
        assert find_part(VOC2012, get).name == "VOC2012"
    ((name, archives, way_out),) = asked
    assert (name, archives) == ("voc2012", VOC2012.archives)
    assert "put the set's own files" in way_out
    assert VOC2007.key == "voc2007"  # where classification keeps it too


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("voc08", r"--data: must be voc07, voc07\+12, coco2017 or a folder with boxes, got"),
        ("cityscapes", "; it is for --task segment"),
        ("voc07+13", r"did you mean voc07\+12\?"),
    ],
)
def test_an_unknown_set_is_refused_by_name(source: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        load_scenes(source)


def test_coco_without_anything_held_out_is_refused(tmp_path: Path) -> None:
    (write_instances(tmp_path) / "annotations/instances_val2017.json").unlink()
    with pytest.raises(UserError, match="must have annotations to train on and others named val"):
        load_scenes(tmp_path)
