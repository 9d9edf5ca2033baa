"""A detector's files answer as its checkpoint does, and the runner beside them works alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from shared import made_once
from typer.testing import CliRunner

from edgessl import checkpoint
from edgessl.artifact import open_artifact
from edgessl.cli import app
from edgessl.dense.boxes.load import load_boxes
from edgessl.dense.detection.deploy import detector_from
from edgessl.dense.detection.found import Found, suppress
from edgessl.dense.detection.gates import check_boxes
from edgessl.dense.detection.judged import JudgedBoxes
from edgessl.dense.detection.suppressed_graph import found_of
from edgessl.dense.detection.task import DETECTION
from edgessl.dense.gates import check_figure
from edgessl.dense.originals import pixels_of
from edgessl.errors import UserError


@pytest.fixture(scope="session")
def bundle(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's folder with its ONNX files."""

    def make(folder: Path) -> None:
        copytree(whole, folder, dirs_exist_ok=True)
        command = ["export", str(folder / "ckpt.pt"), "--onnx", "--json"]
        done = CliRunner().invoke(app, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        (folder / "exported.json").write_text(done.stdout)

    return made_once(tmp_path_factory, "detector-bundle", make)


@pytest.mark.slow
def test_both_files_pass_their_gates(bundle: Path) -> None:
    document = json.loads((bundle / "exported.json").read_text())
    gates = {Path(file["path"]).name: {gate["name"]: gate["status"] for gate in file["gates"]}
             for file in document["files"]}  # fmt: skip
    assert gates["model.raw.onnx"] == {
        "structure": "pass", "parity on extremes": "pass", "parity on images": "pass",
        "matched boxes": gates["model.raw.onnx"]["matched boxes"], "AP through the file": "pass",
        "without torch": "pass",
    }  # fmt: skip
    assert gates["model.onnx"].keys() == {"structure", "matched boxes", "AP through the file"}
    assert all(file["passed"] for file in document["files"])


@pytest.mark.slow
def test_the_suppression_inside_keeps_what_ours_keeps(bundle: Path, data: Path) -> None:
    detector = detector_from(checkpoint.load(bundle / "ckpt.pt"), "")
    images = detector.square.normalise(pixels_of(load_boxes(data).test, detector.square))
    rows = open_artifact(bundle / "model.onnx").run(images)
    raw = open_artifact(bundle / "model.raw.onnx").run(images)
    assert (np.diff(rows[:, 5]) <= 0).all()
    for got, expected in zip(
        found_of(rows, len(images)), suppress(raw, detector.rule), strict=True
    ):
        assert len(expected.scores) > 5  # a detector this short of training is sure of nothing
        assert len(got.scores) == len(expected.scores)
        order, other = (np.lexsort((one.boxes[:, 0], one.labels, -one.scores))
                        for one in (got, expected))  # fmt: skip
        np.testing.assert_allclose(got.scores[order], expected.scores[other], atol=1e-6)
        np.testing.assert_allclose(got.boxes[order], expected.boxes[other], atol=1e-5)


@pytest.mark.slow
def test_the_runner_tests_itself_finds_and_draws(bundle: Path, data: Path, tmp_path: Path) -> None:
    image = next((data / "JPEGImages").iterdir())

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", str(bundle / "run.py"), *options]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = run("--selftest")
    assert done.returncode == 0, done.stderr
    assert "model.onnx: pass" in done.stdout
    done = run(str(image), "--json", "--min-score", "0.001", "--draw", str(tmp_path / "drawn"))
    found = json.loads(done.stdout)["boxes"]
    assert found
    assert {one["name"] for one in found} <= {"blue", "red"}
    assert (tmp_path / "drawn" / f"{image.stem}.png").is_file()
    assert run(str(bundle / "labels.txt")).returncode == 2


@pytest.mark.slow
def test_predict_draws_the_boxes_of_a_checkpoint_and_of_its_files(
    bundle: Path, data: Path, tmp_path: Path
) -> None:
    image = str(next((data / "JPEGImages").iterdir()))
    for model in ("ckpt.pt", "model.onnx", "model.raw.onnx"):
        folder = tmp_path / model
        command = ["predict", str(bundle / model), image, "--json", "--draw", str(folder)]
        done = CliRunner().invoke(app, command, catch_exceptions=False)
        document = json.loads(done.stdout)
        assert document["predictions"][0]["drawn"] == str(folder / f"{Path(image).stem}.png")
        assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--pt2"], "--pt2: must be a format that detectors are written in"),
        (["--head", "probs"], "--head: must be left out for a detector"),
        (["--size", "64"], "--size: must be left out for a detector"),
        (["--target", "openvino"], "--target: must be one of ONNX files for a detector"),
    ],
)
def test_what_a_detector_is_not_written_as_is_refused(
    whole: Path, tmp_path: Path, options: list[str], told: str
) -> None:
    command = ["export", str(whole / "ckpt.pt"), "--out", str(tmp_path / "out"), *options]
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, UserError)
    assert told in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_a_file_that_moves_its_boxes_fails_both_gates(data: Path) -> None:
    boxes = load_boxes(data)
    right = [Found(one.shares, np.full(len(one.labels), 0.9, np.float32), one.labels)
             for one in boxes.test]  # fmt: skip
    moved = [Found(one.boxes + np.float32(0.2), one.scores, one.labels) for one in right]
    assert check_boxes(right, right, free=False).status == "pass"
    assert check_boxes(right, moved, free=False).status == "fail"
    assert check_boxes(right, [*right[:-1], right[-1].surest(0)], free=False).status == "fail"
    before = JudgedBoxes(right, boxes.test, boxes.classes)
    for file, status in ((right, "pass"), (moved, "fail")):
        gate = check_figure(
            "AP through the file", DETECTION.judging, before,
            JudgedBoxes(file, boxes.test, boxes.classes), images=len(boxes.test),
            max_drop_percent=0.5,
        )  # fmt: skip
        assert gate.status == status


@pytest.mark.slow
def test_int8_keeps_decoding_in_float_and_records_what_was_tried(
    whole: Path, tmp_path: Path
) -> None:
    import onnx

    command = ["export", str(whole / "ckpt.pt"), "--int8", "--out", str(tmp_path), "--json",
               "--max-drop", "100"]  # fmt: skip
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    files = {Path(one["path"]).name: one for one in json.loads(done.stdout)["files"]}
    assert files["model.int8.onnx"]["passed"]
    metadata = open_artifact(tmp_path / "model.int8.onnx").metadata
    assert metadata is not None
    history = metadata.provenance["int8"]
    assert len(history["tried"]) == 4
    kinds = {node.op_type: node for node in onnx.load(tmp_path / "model.int8.onnx").graph.node}
    assert {"QuantizeLinear", "NonMaxSuppression"} <= kinds.keys()


@pytest.mark.slow
def test_eval_scores_through_the_file_what_the_report_says(bundle: Path, data: Path) -> None:
    report = json.loads((bundle / "report.json").read_text())
    for model in ("ckpt.pt", "model.onnx"):
        command = ["eval", str(bundle / model), "--data", str(data), "--json"]
        document = json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout)
        assert document["protocol"] == "ap50"
        assert document["scores"]["ap50"]["value"] == pytest.approx(
            report["scores"]["ap50"]["value"], abs=0.1
        )


@pytest.mark.slow
def test_the_page_is_written_again_as_it_was(bundle: Path) -> None:
    before = (bundle / "report.html").read_text()
    (bundle / "report.html").unlink()
    CliRunner().invoke(app, ["report", str(bundle)], catch_exceptions=False)
    assert (bundle / "report.html").read_text() == before
