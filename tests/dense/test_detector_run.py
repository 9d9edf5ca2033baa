"""A detector is trained, scored and reported; a stopped run ends with the same bits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from dense.stops import Stops
from dense.tiny_detector import RECIPE, SMALL
from typer.testing import CliRunner

from edgessl import catalog, checkpoint
from edgessl.cli import app
from edgessl.dense.detection.deploy import detector_from
from edgessl.errors import Interrupted, UserError
from edgessl.pipeline.dense.prepare import Asked
from edgessl.pipeline.dense.recipe import FACTORY
from edgessl.pipeline.dense.story import follow
from edgessl.recipe.load_dense import load_detector, task_of
from edgessl.reporter import Silent


def test_a_run_leaves_a_detector_a_report_and_a_page(whole: Path) -> None:
    report = json.loads((whole / "report.json").read_text())
    assert report["task"] == "detect"
    assert {"ap", "ap50", "ap75"} <= report["coco"].keys()
    assert [one["name"] for one in report["classes"]] == ["blue", "red"]
    assert sum(one["objects"] for one in report["sizes"]) == 12
    assert "AP50" in report["verdict"]
    page = (whole / "report.html").read_text()
    assert page.count("data:image/jpeg") == 12
    assert "http" not in page.replace("http://www.w3.org", "")
    log = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in log if "val_ap50" in line] == [1, 2, 3]
    detector = detector_from(checkpoint.load(whole / "ckpt.pt"), "ckpt.pt")
    with torch.no_grad():
        output = detector.module(torch.zeros(1, 3, 64, 64))
    assert output.shape == (1, (64 + 16) * 6, 4 + 2)


def test_a_stopped_run_goes_on_to_the_same_bits(
    data: Path, whole: Path, tmp_path: Path
) -> None:
    def run(reporter: Silent) -> None:
        asked = Asked(RECIPE, data, tmp_path, overrides=SMALL, device="cpu")
        follow(FACTORY, asked, reporter=reporter)

    with pytest.raises(Interrupted, match="stopped in detect at step 4 of 9"):
        run(Stops("detect", at=4))
    run(Silent())
    first, second = (checkpoint.load(folder / "ckpt.pt")["weights"] for folder in (whole, tmp_path))
    assert all(torch.equal(first[key], second[key]) for key in first)
    for name in ("log.jsonl",):
        assert (whole / name).read_text() == (tmp_path / name).read_text()


def test_a_folder_belongs_to_one_run(data: Path, whole: Path) -> None:
    with pytest.raises(UserError, match=r"differs in seed \(0 before, 1 now\)"):
        follow(FACTORY, Asked(RECIPE, data, whole, overrides=SMALL, seed=1, device="cpu"),
                    reporter=Silent())  # fmt: skip


FILES = sorted(catalog.entries("detectors").values())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_recipe_of_a_detector_resolves_and_says_its_promise(path: Path) -> None:
    recipe = load_detector(path.stem)
    assert task_of(path.stem) == "detect"
    assert recipe.name == path.stem
    assert recipe.source == "detectors"
    header = path.read_text().split("task =")[0]
    assert "promise:" in header
    assert f"edgessl recipe {path.stem}" in header


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--set", "train.epochs=0"], "train.epochs: Input should be greater than or equal to 1"),
        (["--set", "detector.strides=[8,24]"], "strides must double from each to the next"),
        (["--set", "train.lerning=1"], "train.lerning: unknown key"),
        (["--size", "100"], "image.input_px: Input should be a multiple of 32"),
        (["--minutes", "5", "--epochs", "2"], "--minutes: must be given without --epochs"),
        (["--label-percent", "5"], "--label-percent: must be left out for a detector"),
        (["--baselines", "longer"], "--baselines: must be of random, imagenet or none for boxes"),
        (["--init", "missing.pt"], "missing.pt"),
    ],
)
def test_bad_input_is_one_message_and_code_2(
    data: Path, tmp_path: Path, options: list[str], told: str
) -> None:
    command = ["recipe", RECIPE, "--data", str(data), "--out", str(tmp_path / "run"), *options]
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, UserError)
    assert told in str(done.exception)
    assert not (tmp_path / "run").exists()


def test_images_with_classes_are_no_boxes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must be in a layout of PASCAL VOC"):
        follow(FACTORY, Asked(RECIPE, tmp_path, tmp_path / "run", device="cpu"), reporter=Silent())


def test_fine_tuning_for_boxes_starts_from_a_file(data: Path, whole: Path, tmp_path: Path) -> None:
    """The command's task chooses the detector of the file's backbone."""
    done = CliRunner().invoke(
        app, ["finetune", str(whole / "ckpt.pt"), "--task", "segmnt", "--data", str(data)]
    )
    assert "--task: must be one of classify, detect, segment" in str(done.exception)
