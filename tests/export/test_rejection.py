"""A classifier that may say "none of these" says it where it is unsure, in every program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from small_network import CLASSES, write_checkpoint, write_images
from typer.testing import CliRunner

from edgessl import checkpoint
from edgessl.artifact import Metadata, open_artifact
from edgessl.errors import UserError
from edgessl.pipeline.export import export
from edgessl.pipeline.score.evaluate import evaluate_model

FITTED = {"temperature": 2.0, "images": 60, "nll_before": 1.2, "nll": 1.1}


def with_val(folder: Path) -> Path:
    """Images of three classes whose val is the training images of other noise."""
    data = write_images(folder / "data", CLASSES)
    for name in CLASSES:
        for image in sorted((data / "train" / name).iterdir())[:4]:
            place = data / "val" / name
            place.mkdir(parents=True, exist_ok=True)
            image.rename(place / image.name)
    return data


def calibrated(folder: Path, data: Path) -> Path:
    """A checkpoint whose logits are to be divided by 2."""
    path = write_checkpoint(folder / "ckpt.pt", CLASSES, str(data))
    checkpoint.save(path, {**checkpoint.load(path), "calibration": FITTED})
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One export with a temperature, and a threshold that refuses half of val."""
    root = tmp_path_factory.mktemp("reject")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGESSL_CACHE", str(root / "cache"))
        ckpt = calibrated(root, with_val(root))
        files = export(ckpt, formats=("onnx", "torchscript"), reject_percent=50, data=None)
        assert files.passed
    return root


def known(folder: Path, name: str = "model.onnx") -> Metadata:
    return open_artifact(folder / name).known()


def images_of(folder: Path) -> list[Path]:
    return sorted((folder / "data" / "test").rglob("*.png"))


@pytest.mark.parametrize("name", ["model.onnx", "model.e2e.onnx", "model.torchscript"])
def test_every_file_says_its_temperature_and_threshold(folder: Path, name: str) -> None:
    about = known(folder, name)
    assert about.temperature == 2.0
    assert about.reject_below is not None
    assert 1 / 3 < about.reject_below < 1
    numbers = next(gate["numbers"] for gate in about.gates if gate["name"] == "accuracy")
    assert numbers["reject"]["coverage"]["n"] == numbers["ece"]["n"] == 9


def test_half_of_val_is_refused(folder: Path) -> None:
    chosen = known(folder).provenance["reject"]
    assert (chosen["percent"], chosen["chosen_on"]) == (50, "12 val images")
    assert chosen["val"]["coverage"]["value"] >= 50.0


def test_predict_and_run_py_refuse_the_same_images(
    folder: Path, app: typer.Typer
) -> None:
    images = [str(path) for path in images_of(folder)]
    model = str(folder / "model.onnx")
    done = CliRunner().invoke(app, ["predict", model, *images, "--json"], catch_exceptions=False)
    found = json.loads(done.stdout)["predictions"]
    below = known(folder).reject_below
    assert below is not None
    for entry in found:
        assert entry["rejected"] == (entry["classes"][0]["probability"] < below)
    runner = subprocess.run(
        [sys.executable, str(folder / "run.py"), *images],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = runner.stdout.splitlines()
    assert [": none of these (" in line for line in lines] == [e["rejected"] for e in found]
    assert 0 < sum(entry["rejected"] for entry in found) < len(found)


def test_eval_tells_coverage_accuracy_and_calibration(folder: Path) -> None:
    found: dict[str, Any] = evaluate_model(folder / "model.onnx", str(folder / "data")).to_dict()
    numbers = next(
        gate["numbers"] for gate in known(folder).gates if gate["name"] == "accuracy"
    )
    assert found["reject"]["coverage"] == numbers["reject"]["coverage"]
    assert found["calibration"]["temperature"] == 2.0
    assert found["calibration"]["ece"]["value"] == pytest.approx(numbers["ece"]["value"], abs=0.1)


def test_the_manifest_and_the_card_say_it(folder: Path) -> None:
    entry = json.loads((folder / "manifest.json").read_text())["files"]["model.onnx"]
    assert entry["reject_below"] == known(folder).reject_below
    card = (folder / "MODEL_CARD.md").read_text()
    assert "the answer is none of these" in card
    assert "temperature of 2.000" in card


def test_a_share_that_means_nothing_is_refused(folder: Path, app: typer.Typer) -> None:
    for value in ("0", "100", "-3", "much", "nan", "0%", "100%", "x%"):
        done = CliRunner().invoke(app, ["export", str(folder / "ckpt.pt"), "--reject", value])
        assert isinstance(done.exception, UserError)
        assert "--reject: must be" in str(done.exception)


def test_a_probability_is_taken_as_it_is(folder: Path, tmp_path: Path, app: typer.Typer) -> None:
    command = ["export", str(folder / "ckpt.pt"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*command, "--reject", "0.4"], catch_exceptions=False)
    assert done.exit_code == 0
    about = known(tmp_path / "out")
    assert about.reject_below == 0.4
    assert about.provenance["reject"] == {"below": 0.4}
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text()
    assert "under 40.0 %, the answer is none of these. Images of other things" in card


def test_a_probability_that_every_answer_has_is_refused(folder: Path) -> None:
    for below in (1 / 3, 1.0, float("nan")):
        with pytest.raises(UserError, match=r"--reject: must be a probability above 0\.33"):
            export(folder / "ckpt.pt", reject_below=below)


def test_a_share_of_less_than_one_image_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match=r"at least 8\.3 % with the 12 images of val"):
        export(folder / "ckpt.pt", reject_percent=5)


def test_features_have_no_answer_to_refuse(folder: Path) -> None:
    with pytest.raises(UserError, match="--reject: must come with a classifier"):
        export(folder / "ckpt.pt", head="features", reject_percent=50)


def test_several_labels_an_image_have_thresholds_of_their_own(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "ckpt.pt", CLASSES, None)
    checkpoint.save(path, {**checkpoint.load(path), "thresholds": [0.5, 0.5, 0.5]})
    with pytest.raises(UserError, match="--reject: must come with classes of which an image has"):
        export(path, reject_percent=50)
    with pytest.raises(UserError, match="--head: must be logits, probs or features"):
        export(path, head="prototypes")


def test_a_checkpoint_without_data_has_nothing_to_choose_on(tmp_path: Path) -> None:
    ckpt = write_checkpoint(tmp_path / "ckpt.pt", CLASSES, None)
    with pytest.raises(UserError, match="names no data; pass --data"):
        export(ckpt, reject_percent=50)
