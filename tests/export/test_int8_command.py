"""`edgessl export --int8` writes proven int8 files, and says when they are not worth it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from small_network import CLASSES, Int8Bundle, write_checkpoint
from typer.testing import CliRunner

from edgessl.artifact import Metadata, open_artifact
from edgessl.backbones import BACKBONES
from edgessl.errors import UserError
from edgessl.export.int8.check_speed import FAMILIES, SPEEDUPS, int8_advice
from edgessl.export.target import read_target
from edgessl.pipeline.profile import profile_subject
from edgessl.pipeline.score.evaluate import evaluate_model


@pytest.fixture(scope="module")
def files(int8_bundle: Int8Bundle) -> Iterator[dict[str, dict[str, Any]]]:
    """What one run of the command says of its files, by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGESSL_CACHE", str(int8_bundle.folder / "cache"))
        yield {Path(file["path"]).name: file for file in int8_bundle.files}


def _known(file: dict[str, Any]) -> Metadata:
    return open_artifact(Path(file["path"])).known()


def _gates(file: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {gate["name"]: gate for gate in file["gates"]}


@pytest.mark.parametrize("name", ["model.int8.onnx", "model.e2e.int8.onnx"])
def test_int8_files_are_a_third_of_the_size_and_say_what_they_are(
    files: dict[str, dict[str, Any]], name: str
) -> None:
    file = files[name]
    assert (file["precision"], _known(file).precision) == ("int8", "int8")
    assert file["size_mb"] < files["model.onnx"]["size_mb"] / 3
    assert _gates(file)["int8 fused"]["numbers"]["wanted_convs"] in (51, 52)
    assert _known(file).classes == CLASSES


def test_the_core_is_checked_for_what_only_int8_can_get_wrong(
    files: dict[str, dict[str, Any]]
) -> None:
    gates = _gates(files["model.int8.onnx"])
    for name in ("int8 fused", "int8 calibration", "int8 agreement", "int8 speed"):
        assert gates[name]["status"] == "pass", gates[name]
    assert gates["int8 speed"]["numbers"]["speedup"] > 0
    assert gates["accuracy"]["numbers"]["max_drop_percent"] == 100


def test_the_file_says_what_it_was_calibrated_and_chosen_on(
    files: dict[str, dict[str, Any]]
) -> None:
    history = _known(files["model.int8.onnx"]).provenance["int8"]
    calibrated = history["calibrated_on"]
    assert (calibrated["split"], calibrated["images"], calibrated["seed"]) == ("train", 15, 0)
    assert len(calibrated["sha256"]) == 64
    assert history["chosen_on"] == "top-1 on 3 val images"
    assert history["chosen_on_images"]["split"] == "val"
    tried = [one["scheme"] for one in history["tried"]]
    assert tried[:2] == ["per channel, all", "per tensor, all"]


@pytest.mark.parametrize("name", ["model.int8.onnx", "model.e2e.int8.onnx"])
def test_an_int8_file_alone_is_asked_scored_and_counted(
    files: dict[str, dict[str, Any]], name: str, tmp_path: Path, app: typer.Typer
) -> None:
    made = Path(files[name]["path"])
    alone = shutil.copy(made, tmp_path / "renamed.onnx")
    image = next((made.parent / "data").rglob("*.png"))
    done = CliRunner().invoke(app, ["predict", str(alone), str(image), "--json"])
    assert done.exit_code == 0, done.output
    (answer,) = json.loads(done.stdout)["predictions"]
    assert {found["name"] for found in answer["classes"]} == set(CLASSES)
    score = evaluate_model(alone, str(made.parent / "data"), "top1").evaluation.score
    assert score.to_dict() == _gates(files[name])["accuracy"]["numbers"]["top1"]
    counted, whole = profile_subject(str(alone)), profile_subject(files["model.onnx"]["path"])
    fourth_channel = 32 * 32 * 32 * 9  # an empty one, for the first convolution to use VNNI
    assert counted["macs"] - whole["macs"] == fourth_channel
    assert counted["size_px"] == whole["size_px"]


def test_without_training_images_it_is_refused(tmp_path: Path, app: typer.Typer) -> None:
    ckpt = write_checkpoint(tmp_path / "ckpt.pt", CLASSES, None)
    done = CliRunner().invoke(app, ["export", str(ckpt), "--int8"])
    assert isinstance(done.exception, UserError)
    assert str(done.exception) == (
        "--int8: must have training images to calibrate on, and the checkpoint names no data; "
        "pass --data"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["ckpt.pt"]


def test_arm64_has_signed_activations() -> None:
    assert read_target("arm64").int8_activations == "int8"
    assert read_target("cpu").int8_activations == "uint8"


def test_advice_names_known_networks_only() -> None:
    assert {*SPEEDUPS, *FAMILIES} <= {*BACKBONES}
    assert {*FAMILIES.values()} <= {*SPEEDUPS}


def test_advice_says_before_training_that_int8_will_not_be_faster() -> None:
    slow, fast = int8_advice("mobilenetv3s"), int8_advice("resnet18")
    assert slow is not None
    assert slow.startswith("int8 makes it smaller, not faster: 0.")
    assert slow.endswith("mobilenetv2, mobilenetv4-conv-small, efficientnet-lite0 or resnet18")
    assert fast is not None
    assert fast.startswith("int8 makes it about 3 times as fast (measured on")
    assert int8_advice("timm:convnext_atto") is None
