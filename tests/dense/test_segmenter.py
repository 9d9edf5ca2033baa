"""Masks are read, follow their images, and a segmenter learns, resumes, and is exported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from dense.stops import Stops
from dense.tiny_masks import CLASSES, write_masks
from PIL import Image
from shared import made_once
from typer.testing import CliRunner

from edgessl import catalog, checkpoint
from edgessl.cli import app
from edgessl.dense.gates import check_figure
from edgessl.dense.masks.load import load_masks
from edgessl.dense.masks.masked import VOID, read_mask
from edgessl.dense.segmentation.judged import JudgedPixels
from edgessl.dense.segmentation.miou import confusion_of, ious, mean_iou, score
from edgessl.dense.segmentation.sampler import cropped_masks
from edgessl.dense.segmentation.task import SEGMENTATION
from edgessl.errors import Interrupted, UserError
from edgessl.pipeline.dense.prepare import Asked
from edgessl.pipeline.dense.recipe import FACTORY
from edgessl.pipeline.dense.story import follow
from edgessl.recipe.load_dense import load_segmenter, task_of
from edgessl.reporter import Silent

SMALL = (
    "backbone.name=mobilenetv3s", "image.input_px=64", "train.batch_size=4", "train.epochs=4",
    "segmenter.width=16", "train.optim.lr=0.01", "train.val_every_percent=50",
)  # fmt: skip


@pytest.fixture(scope="session")
def masks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(
        tmp_path_factory, "masks", lambda folder: (write_masks(folder), None)[1]
    )


@pytest.fixture(scope="session")
def segmented(masks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        asked = Asked("lraspp-mobilenetv3l", masks, folder, overrides=SMALL, device="cpu")
        follow(FACTORY, asked, reporter=Silent())

    return made_once(tmp_path_factory, "segmenter", make)


def test_masks_are_paired_split_and_void_is_told_from_classes(masks: Path) -> None:
    found = load_masks(masks)
    assert found.classes == CLASSES
    assert [len(found.split(name)) for name in ("train", "val", "test")] == [14, 1, 5]
    mask = read_mask(found.test[0].mask, len(CLASSES))
    assert set(np.unique(mask)) == {0, 1, 2, VOID}


def test_masks_that_do_not_fit_are_left_out_by_name(tmp_path: Path) -> None:
    folder = write_masks(tmp_path / "set")
    Image.new("L", (10, 10)).save(folder / "train/masks/00.png")
    Image.new("RGB", (64, 48)).save(folder / "train/masks/01.png")
    (folder / "train/masks/02.png").unlink()
    told = dict(load_masks(folder).left_out)
    assert told["train/masks/00.png"] == "10 x 10 px, but its image 64 x 48"
    assert "one channel" in told["train/masks/01.png"]
    assert told["train/images/02.png"] == "no mask has its name"
    (folder / "classes.txt").write_text("one\n")
    with pytest.raises(UserError, match="must name 2 to 255 different classes"):
        load_masks(folder)


@pytest.mark.parametrize("flip", [(False, False), (True, False), (False, True)])
def test_a_mask_is_cut_as_its_image_is(flip: tuple[bool, bool]) -> None:
    masks = torch.arange(64, dtype=torch.uint8).reshape(1, 8, 8)
    crops, flips = np.array([[0.25, 0.0, 0.5, 0.5]]), np.array([flip])
    cut = cropped_masks(masks, crops, flips, 4)[0]
    source = masks[0].flip(0) if flip[1] else masks[0]
    expected = source[0:4, 2:6]
    expected = expected.flip(1) if flip[0] else expected
    assert torch.equal(cut, expected.long())
    outside = cropped_masks(masks, np.array([[-1.0, 0.0, 1.0, 1.0]]), np.array([[False] * 2]), 4)
    assert (outside == VOID).all()


def test_iou_is_what_the_definition_says() -> None:
    mask = np.array([[0, 0, 1], [1, VOID, 2]], np.uint8)
    answer = np.array([[0, 1, 1], [1, 0, 0]])
    counts = confusion_of(answer, mask, 4)
    assert ious(counts)[:3].tolist() == pytest.approx([1 / 3, 2 / 3, 0.0])
    assert np.isnan(ious(counts)[3])
    assert mean_iou(counts[None]) == pytest.approx(100 / 3)
    facts = score(np.stack([counts] * 3), ("a", "b", "c", "d"))
    assert facts["scores"]["miou"] == pytest.approx(
        {"value": 100 / 3, "low": 100 / 3, "high": 100 / 3, "n": 3}
    )
    assert facts["classes"][3]["iou"] is None


def test_a_run_learns_and_reports(segmented: Path) -> None:
    report = json.loads((segmented / "report.json").read_text())
    assert report["task"] == "segment"
    assert 0 < report["scores"]["miou"]["value"] <= 100
    log = [json.loads(line) for line in (segmented / "log.jsonl").read_text().splitlines()]
    right = [line["train_pixels_percent"] for line in log if "train_pixels_percent" in line]
    assert right[-1] > right[0] + 10  # percent of the pixels of a batch
    assert [line["epoch"] for line in log if "val_miou" in line] == [2, 4]
    assert (segmented / "report.html").read_text().count("data:image/jpeg") == 10


def test_a_stopped_run_goes_on_to_the_same_bits(
    masks: Path, segmented: Path, tmp_path: Path
) -> None:
    def run(reporter: Silent) -> None:
        asked = Asked("lraspp-mobilenetv3l", masks, tmp_path, overrides=SMALL, device="cpu")
        follow(FACTORY, asked, reporter=reporter)

    with pytest.raises(Interrupted, match="stopped in segment at step 5"):
        run(Stops("segment", at=5))
    run(Silent())
    first, second = (
        checkpoint.load(folder / "ckpt.pt")["weights"] for folder in (segmented, tmp_path)
    )
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.slow
def test_the_file_has_the_checkpoints_miou_and_runs_alone(
    segmented: Path, masks: Path, tmp_path: Path
) -> None:
    command = ["export", str(segmented / "ckpt.pt"), "--onnx", "--out", str(tmp_path), "--json"]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    gates = {
        Path(file["path"]).name: {gate["name"]: gate["status"] for gate in file["gates"]}
        for file in json.loads(done.stdout)["files"]
    }
    assert gates == {
        "model.onnx": dict.fromkeys(
            ("structure", "parity on extremes", "parity on images", "mIoU through the file",
             "without torch"), "pass",
        ),
        "model.e2e.onnx": dict.fromkeys(
            ("structure", "preprocessing", "mIoU through the file"), "pass"
        ),
    }  # fmt: skip
    image = next((masks / "test/images").iterdir())
    ran = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "run.py"), str(image), "--masks",
         str(tmp_path / "m")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert any(name in ran.stdout for name in CLASSES)
    with Image.open(tmp_path / "m" / image.name) as painted:
        assert painted.size == (64, 48)


def test_a_file_that_answers_otherwise_fails() -> None:
    right = JudgedPixels(np.stack([np.diag([10, 10])] * 4), ("a", "b"))
    wrong = JudgedPixels(right.counts[:, ::-1].copy(), ("a", "b"))
    for file, status in ((right, "pass"), (wrong, "fail")):
        gate = check_figure("mIoU through the file", SEGMENTATION.judging, right, file, images=4,
                            max_drop_percent=0.5)  # fmt: skip
        assert gate.status == status


@pytest.mark.parametrize("name", sorted(catalog.entries("segmenters")))
def test_every_recipe_of_a_segmenter_resolves(name: str) -> None:
    assert task_of(name) == "segment"
    assert load_segmenter(name).name == name
    assert "promise:" in catalog.find("segmenters", name).read_text().split("task =")[0]


def test_boxes_are_no_masks(tmp_path: Path) -> None:
    command = ["recipe", "lraspp-mobilenetv3l", "--data", str(tmp_path)]
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, UserError)
    assert "must be a folder with classes.txt" in str(done.exception)
