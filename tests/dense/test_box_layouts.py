"""Boxes of every layout come to the same pixels; what cannot be used is left out by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from dense.tiny_boxes import (
    CLASSES,
    HEIGHT,
    WIDTH,
    draw,
    voc_object,
    write_coco,
    write_voc,
    write_yolo,
)
from typer.testing import CliRunner

from edgessl.cli import app
from edgessl.dense.boxes.load import load_boxes
from edgessl.errors import UserError

WRITERS = {"VOC": write_voc, "COCO": write_coco, "YOLO": write_yolo}


@pytest.mark.parametrize("layout", WRITERS)
def test_every_layout_gives_the_boxes_that_were_drawn(tmp_path: Path, layout: str) -> None:
    boxes = load_boxes(WRITERS[layout](tmp_path / "set"))
    assert boxes.classes == CLASSES
    assert layout in boxes.layout.upper()
    found = {image.path.stem[-3:].zfill(3): image
             for image in (*boxes.train, *boxes.val, *boxes.test)}  # fmt: skip
    assert len(found) == 16
    for number in range(16):
        image = found[f"{number:03d}"]
        assert (image.height, image.width) == (HEIGHT, WIDTH)
        expected = draw(number)[1]
        np.testing.assert_allclose(image.boxes, [box for _, box in expected], atol=1e-4)
        assert [CLASSES[i] for i in image.labels] == [name for name, _ in expected]


def test_splits_are_the_layouts_own_and_missing_ones_are_held_out(tmp_path: Path) -> None:
    voc = load_boxes(write_voc(tmp_path / "voc"))
    assert [len(voc.split(name)) for name in ("train", "val", "test")] == [8, 4, 4]
    assert voc.notes == ()
    coco = load_boxes(write_coco(tmp_path / "coco"))
    assert len(coco.test) == 4  # val2017: there is no other
    assert len(coco.val) == 1
    assert "held out" in " ".join(coco.notes)
    assert load_boxes(tmp_path / "coco").fingerprint == coco.fingerprint


def test_boxes_that_are_empty_or_outside_are_left_out_by_name(tmp_path: Path) -> None:
    extra = "".join((
        voc_object("red", (20, 20, 20, 20)),
        voc_object("red", (WIDTH + 5, 1, WIDTH + 9, 9)),
        voc_object("red", ("nan", 1, 9, 9)),
        voc_object("red", (WIDTH - 9, 5, WIDTH + 9, 20), difficult=1),
    ))  # fmt: skip
    boxes = load_boxes(write_voc(tmp_path / "voc", extra=extra))
    told = dict(boxes.left_out)
    assert told["image_000.xml, box 2"] == "empty box (20, 20 to 20, 20)"
    assert told["image_000.xml, box 3"].startswith("outside the image of 64 x 48 px")
    assert "finite numbers" in told["image_000.xml, box 4"]
    assert boxes.notes == ("1 boxes reach over an edge of their image; they are cut there.",)
    image = next(one for one in boxes.train if one.path.stem == "image_000")
    np.testing.assert_array_equal(image.boxes[-1], [WIDTH - 10, 4, WIDTH, 20])
    assert image.difficult.tolist() == [False, True]


def test_a_broken_image_or_annotation_costs_only_itself(tmp_path: Path) -> None:
    folder = write_voc(tmp_path / "voc")
    (folder / "JPEGImages/image_001.png").write_bytes(b"not a picture")
    (folder / "Annotations/image_004.xml").write_text("<annotation>")
    boxes = load_boxes(folder)
    assert len(boxes.train) == 6
    assert [Path(where).stem for where, _ in boxes.left_out] == ["image_004", "image_001"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ("coco", "without images, annotations and categories"),
        ("json", "must be annotations in COCO's format"),
        ("yolo", "must name the classes"),
        ("few", "must hold at least 10 usable images, got 4"),
        ("none", "must be in a layout of"),
        ("gone", "must be a folder with boxes"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(
    tmp_path: Path, spoil: str, told: str
) -> None:
    folder = tmp_path / "set"
    if spoil in ("coco", "json"):
        write_coco(folder)
        text = "{}" if spoil == "coco" else "{"
        (folder / "annotations/instances_train2017.json").write_text(text)
    elif spoil == "yolo":
        (write_yolo(folder) / "data.yaml").unlink()
    elif spoil == "few":
        write_voc(folder, count=4)
    elif spoil == "none":
        folder.mkdir()
    with pytest.raises(UserError, match=told):
        load_boxes(folder)


def test_the_data_command_shows_boxes(tmp_path: Path) -> None:
    folder = write_voc(tmp_path / "voc", extra=voc_object("red", (20, 20, 20, 20)))
    done = CliRunner().invoke(app, ["data", str(folder), "--json"], catch_exceptions=False)
    document = json.loads(done.stdout)
    assert document["boxes"] == {"train": 12, "val": 4, "test": 8}
    assert document["box_sizes"]["box_width"]["min"] >= 14
    assert document["box_classes"][1] == {"name": "red", "train": 4, "val": 0, "test": 4}
    assert document["quarantined"][-1]["path"] == "image_000.xml, box 2"
    shown = CliRunner().invoke(app, ["data", str(folder)], catch_exceptions=False).stdout
    assert "boxes: train 12, val 4, test 8" in shown
    assert "left out: image_000.xml, box 2: empty box (20, 20 to 20, 20)" in shown
    assert "For boxes: edgessl recipe ssdlite-efficientnet-lite0" in shown
    yolo = write_yolo(tmp_path / "yolo")
    shown = CliRunner().invoke(app, ["data", str(yolo)], catch_exceptions=False).stdout
    assert "understood: boxes in the layout of YOLO (text)" in shown


def test_a_class_that_is_not_named_is_left_out_with_its_number(tmp_path: Path) -> None:
    folder = write_yolo(tmp_path / "set")
    path = folder / "labels/train/0.txt"
    path.write_text("7 0.5 0.5 0.2 0.2\n" + path.read_text())
    ((where, _),) = load_boxes(folder).left_out
    assert where == "0.txt, line 1 (class 7, but 2 are named, from 0)"


def test_a_folder_in_two_layouts_says_which_is_read(tmp_path: Path) -> None:
    folder = write_voc(write_coco(tmp_path / "set"))
    found = load_boxes(folder)
    assert found.layout == "PASCAL VOC (XML)"
    assert found.notes[-1] == "The folder is also in the layout of COCO; that is not read."
