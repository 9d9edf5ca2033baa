"""A folder in VOC's layout goes from images to proven files that find several classes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pipeline.tiny_run import ENGINE, write_recipe
from typer.testing import CliRunner

import edgessl
from edgessl import checkpoint
from edgessl.artifact import read_metadata
from edgessl.cli import app
from edgessl.errors import UserError
from edgessl.pipeline.results import Run


def write_cells(base: Path, count: int = 60) -> Path:
    """Write images in VOC's layout: red on the left is a cat, blue on the right a dog."""
    for folder in ("JPEGImages", "Annotations"):
        (base / folder).mkdir(parents=True)
    draw = np.random.default_rng(0)
    for n in range(count):
        pixels = draw.integers(0, 60, (40, 48, 3), dtype=np.uint8)
        shown = [name for name, there in (("cat", n % 2 == 0), ("dog", n % 3 == 0)) if there]
        if "cat" in shown:
            pixels[:, :24, 0] = 220
        if "dog" in shown:
            pixels[:, 24:, 2] = 220
        Image.fromarray(pixels).save(base / "JPEGImages" / f"{n:03d}.jpg")
        objects = "".join(f"<object><name>{name}</name></object>" for name in shown)
        (base / "Annotations" / f"{n:03d}.xml").write_text(f"<annotation>{objects}</annotation>")
    return base


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cells(tmp_path_factory.mktemp("cells") / "cells")


@pytest.fixture(scope="module")
def run(cells: Path) -> Run:
    folder = cells.parent
    return edgessl.run(
        str(write_recipe(folder)), data=cells, out=folder / "run", device="cpu", overrides=ENGINE
    )


@pytest.fixture(scope="module")
def files(run: Run) -> Path:
    exported = edgessl.export(run, formats=("onnx", "int8"), max_drop_percent=60)
    assert exported.passed, exported.gates
    return run.path


def test_the_report_scores_by_map_and_compares_paired(run: Run) -> None:
    report = run.report
    assert set(run.scores) == {"finetune_map", "linear_map"}
    assert [one["name"] for one in report["labels"]] == ["cat", "dog"]
    assert {"value", "low", "high", "n"} == set(report["arms"]["random"]["difference"])
    assert "fine-tuned mAP" in run.verdict
    assert "confusion" not in report
    page = (run.path / "report.html").read_text()
    assert "chosen on val for the highest F1" in page
    assert "11 points" in page


def test_val_is_scored_by_map_while_it_is_fine_tuned(run: Run) -> None:
    log = [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
    for stage in ("finetune", "finetune_random"):
        found = [line["val_map"] for line in log if line["stage"] == stage and "val_map" in line]
        assert len(found) >= 2
        assert all(0.0 < value <= 100.0 for value in found)
    assert "mAP while fine-tuning, on val" in (run.path / "report.html").read_text()


def test_the_checkpoint_holds_a_threshold_for_each_class(run: Run) -> None:
    held = checkpoint.load(run.checkpoint)
    assert held["classes"] == ["cat", "dog"]
    assert held["thresholds"] == [one["threshold"] for one in run.report["labels"]]


def test_eval_gives_the_score_of_the_run(run: Run, cells: Path) -> None:
    found = edgessl.evaluate(run, data=cells, device="cpu")
    assert found.score.value == pytest.approx(run.scores["finetune_map"].value)
    assert found.protocol == "map"
    document = found.to_dict()
    assert document["scored"] == "classifier"
    assert document["labels"][0]["f1"] == pytest.approx(run.report["labels"][0]["f1"])


def test_files_carry_thresholds_and_are_scored_by_map(files: Path) -> None:
    for name in ("model.onnx", "model.e2e.onnx", "model.int8.onnx"):
        metadata = read_metadata(files / name)[1]
        assert metadata is not None
        assert metadata.head == "probs"
        assert len(metadata.thresholds) == 2
        gates = {gate["name"]: gate for gate in metadata.gates}
        assert gates["accuracy"]["numbers"]["map"]["n"] == 12
        assert "decisions are the same" in gates["accuracy"]["finding"]
    manifest = json.loads((files / "manifest.json").read_text())
    assert len(manifest["files"]["model.onnx"]["thresholds"]) == 2
    card = (files / "MODEL_CARD.md").read_text()
    assert "mAP on test, %" in card
    assert "counts as shown from" in card


def test_predict_names_what_is_shown_or_says_none(files: Path, run: Run, cells: Path) -> None:
    pictures = [str(cells / "JPEGImages" / f"{n:03d}.jpg") for n in range(4)]
    found = {}
    for model in ("ckpt.pt", "model.onnx", "model.e2e.onnx"):
        result = CliRunner().invoke(app, ["predict", str(files / model), *pictures, "--json"])
        answers = json.loads(result.output)["predictions"]
        found[model] = [[one["name"] for one in answer["classes"]] for answer in answers]
        for answer in answers:
            assert all(one["probability"] >= one["threshold"] for one in answer["classes"])
    assert found["ckpt.pt"] == found["model.onnx"]
    table = CliRunner().invoke(app, ["predict", str(files / "model.onnx"), *pictures, "--csv"])
    lines = table.output.splitlines()
    assert lines[0] == "path,label"
    assert [line.rsplit(",", 1)[1] for line in lines[1:]] == [
        "|".join(names) or "|" for names in found["model.onnx"]
    ]
    told = subprocess.run(
        [sys.executable, str(files / "run.py"), *pictures], capture_output=True, text=True,
        check=True,
    ).stdout.splitlines()  # fmt: skip
    for line, names in zip(told, found["model.onnx"], strict=True):
        assert all(name in line for name in names) if names else "none of the classes" in line


def test_compare_ranks_by_map(run: Run) -> None:
    compared = edgessl.compare(run)
    assert "mAP" in compared.answer
    rows = compared.to_dict()["rows"]
    assert {row["arm"] for row in rows} == {"ours", "random"}
    assert all(row["map"] and row["top1"] is None for row in rows)
    (to_best,) = (row["to_best"] for row in rows if row["to_best"] is not None)
    found = run.report["arms"]["random"]["difference"]
    assert to_best["paired"]
    assert abs(to_best["value"]) == pytest.approx(abs(found["value"]))


def test_what_does_not_fit_is_refused(run: Run, cells: Path) -> None:
    with pytest.raises(UserError, match="must have one label an image for this protocol"):
        edgessl.evaluate(run, data=cells, protocol="knn", device="cpu")
    with pytest.raises(UserError, match="must have images with several labels each for this netw"):
        edgessl.evaluate(run, data="demo", protocol="map", device="cpu")
    with pytest.raises(UserError, match="must be a classifier of one label an image for --protoc"):
        edgessl.evaluate(run, data="demo", protocol="top1", device="cpu")


def test_the_same_command_again_does_nothing(run: Run, cells: Path) -> None:
    before = run.report
    again = edgessl.run(
        str(cells.parent / "tiny.toml"), data=cells, out=run.path, device="cpu", overrides=ENGINE
    )
    assert again.report["scores"] == before["scores"]
    assert again.report["arms"] == before["arms"]


def test_fine_tuning_takes_another_loss_and_starts_from_probes(run: Run, cells: Path) -> None:
    tuned = edgessl.finetune(
        run, data=cells, out=cells.parent / "tuned", epochs=1, device="cpu", baselines=("none",),
        recipe=str(cells.parent / "tiny.toml"),
        overrides=(*ENGINE, "finetune.several_loss=asymmetric", "data.val_percent=0",
                   "finetune.classifier_start=probe"),
    )  # fmt: skip
    assert "finetune_map" in tuned.scores
    assert checkpoint.load(tuned.checkpoint)["thresholds"] == [0.5, 0.5]
