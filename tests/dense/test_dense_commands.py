"""data, profile, bench and compare know detectors and segmenters."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from dense.tiny_masks import CLASSES, write_masks
from PIL import Image
from typer.testing import CliRunner

from edgessl.cli import app
from edgessl.errors import UserError
from edgessl.metrics.interval import Score
from edgessl.report.compare.difference import difference
from edgessl.report.compare.row import Row


def said(*words: str) -> str:
    return CliRunner().invoke(app, list(words), catch_exceptions=False).stdout


def test_data_tells_classes_and_pixels_of_masks(tmp_path: Path) -> None:
    folder = write_masks(tmp_path / "set")
    document = json.loads(said("data", str(folder), "--json"))
    assert document["task"] == "segment"
    assert document["images"] == {"train": 14, "val": 1, "test": 5, "unlabeled": 0}
    assert [one["name"] for one in document["classes"]] == list(CLASSES)
    shares = {one["name"]: one["train"] for one in document["pixels"]}
    assert shares["void"] == pytest.approx(100 * 3 / 48, abs=0.01)
    assert sum(shares.values()) == pytest.approx(100, abs=0.05)
    assert "Next: edgessl recipe lraspp" in document["advice"][-1]
    assert "pixels of train: ground" in said("data", str(folder))


def test_data_says_which_class_no_mask_has(tmp_path: Path) -> None:
    folder = write_masks(tmp_path / "set")
    (folder / "classes.txt").write_text("\n".join([*CLASSES, "roof"]) + "\n")
    assert "No pixel of train is of roof" in said("data", str(folder))


@pytest.mark.parametrize("kind", ["no masks", "another size", "colours"])
def test_a_folder_without_usable_masks_is_one_message(tmp_path: Path, kind: str) -> None:
    folder = write_masks(tmp_path / "set")
    for path in sorted(folder.glob("*/masks/*.png")):
        if kind == "no masks":
            path.unlink()
        else:
            mode = "L" if kind == "another size" else "RGB"
            Image.new(mode, (64, 48) if mode == "RGB" else (9, 9)).save(path)
    done = CliRunner().invoke(app, ["recipe", "lraspp-mobilenetv3l", "--data", str(folder)])
    assert isinstance(done.exception, UserError)
    assert "must hold at least 10 usable images with masks, got 0" in str(done.exception)


def test_profile_counts_the_whole_detector(whole: Path) -> None:
    report = json.loads((whole / "report.json").read_text())
    document = json.loads(said("profile", str(whole / "ckpt.pt"), "--json"))
    assert document["counts"] == "detector"
    assert (document["params"], document["macs"]) == (
        report["model"]["params"], report["model"]["macs"]
    )  # fmt: skip


def test_bench_of_a_checkpoint_says_to_export_it(whole: Path) -> None:
    done = CliRunner().invoke(app, ["bench", str(whole / "ckpt.pt")])
    assert isinstance(done.exception, UserError)
    assert "must be an exported file of a detector or a segmenter" in str(done.exception)


def test_compare_has_a_row_for_a_run_with_its_score(whole: Path) -> None:
    document = json.loads(said("compare", str(whole), "--json"))
    (row,) = document["rows"]
    report = json.loads((whole / "report.json").read_text())
    assert row["ap50"] == report["scores"]["ap50"]
    assert row["top1"] is None
    assert "AP50" in document["answer"]


def test_two_runs_are_compared_over_the_same_draws() -> None:
    draws = np.random.default_rng(0).normal(50, 10, 400)

    def row(value: float, shift: float) -> Row:
        return Row("a", Path("a"), "ours", Path("a"), None, Score(value, 30, 70, 9), metric="AP50",
                   draws=draws + shift)  # fmt: skip

    found = difference(row(52, 2.0), row(50, 0.0))
    assert (found.low, found.high, found.shown) == (pytest.approx(2.0), pytest.approx(2.0), 1)
