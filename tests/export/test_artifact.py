"""An exported file opens as a function, without torch for ONNX, or says what is wrong with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from small_network import Case

from edgessl.artifact import Metadata, open_artifact
from edgessl.errors import UserError
from edgessl.export.formats.cost import graph_cost
from edgessl.export.gates.parity import extreme_images

WITHOUT_TORCH = """
import sys
from pathlib import Path
from edgessl.pipeline.predict import predict_images
print(predict_images(Path(sys.argv[1]), [Path(sys.argv[2])])["head"], "torch" in sys.modules)
"""


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_all_files_give_the_same_answers_for_any_batch(case: Case, batch: int) -> None:
    images = extreme_images(64)[-batch:]
    opened = [open_artifact(file.path) for file in case.files.values()]
    outputs = [artifact.run(images) for artifact in opened if artifact.takes == "normalised"]
    assert len(outputs) >= 4
    for output in outputs:
        assert output.shape == (batch, 3)
        assert np.abs(output - outputs[0]).max() < 1e-4


def test_an_onnx_file_needs_no_torch(case: Case) -> None:
    image = next(case.data.rglob("*.png"))
    command = [sys.executable, "-c", WITHOUT_TORCH, str(case.files["model.onnx"].path), str(image)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["logits", "False"]


@pytest.mark.parametrize("name", ["model.onnx", "model.torchscript", "model.pt2", "model.ort"])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"this is no model")
    with pytest.raises(UserError, match=f"{name}: must be"):
        open_artifact(tmp_path / name)


@pytest.mark.parametrize("name", ["none.onnx", "none.torchscript", "none.pt2", "none.ort"])
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="found none; check the path"):
        open_artifact(tmp_path / name)


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must end in .onnx or .* or .ort or .*, got '.caffe'"):
        open_artifact(tmp_path / "model.caffe")


def test_metadata_is_asked_for_only_where_it_is_needed(case: Case, tmp_path: Path) -> None:
    model = onnx.load(str(case.files["model.onnx"].path))
    del model.metadata_props[:]
    onnx.save(model, str(tmp_path / "bare.onnx"))
    bare = open_artifact(tmp_path / "bare.onnx")
    assert bare.run(extreme_images(64)[:1]).shape == (1, 3)
    with pytest.raises(UserError, match="must carry edgessl's metadata"):
        bare.known()


def test_metadata_reads_back_as_written() -> None:
    metadata = Metadata("logits", ("Ärmel", "袖"), {"crop_px": 64}, 64, {"data": None}, ())
    assert Metadata.from_json(metadata.to_json(), "x.onnx") == metadata


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"schema": 1, "classes": [], "gates": []}'])
def test_damaged_metadata_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"x.onnx: must carry edgessl metadata as JSON"):
        Metadata.from_json(text, "x.onnx")


def test_metadata_of_a_newer_edgessl_is_refused() -> None:
    with pytest.raises(UserError, match="update edgessl"):
        Metadata.from_json('{"schema": 99}', "x.onnx")


def test_a_graph_costs_what_its_network_costs(case: Case) -> None:
    params, macs, side = graph_cost(case.files["model.onnx"].path)
    # 24,448,512: the backbone at 64 px. Folding batch norm leaves one value per channel of two.
    assert (macs, side) == (24_448_512 + 1280 * 3, 64)
    assert 2_100_000 < params < 2_223_872 + 1280 * 3 + 3
