"""Each format is what its own runtime reads, and what an export does besides writing it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from small_network import CLASSES, Case, write_checkpoint

from edgessl.artifact import open_artifact
from edgessl.errors import UserError
from edgessl.export.bundle.manifest import write_record
from edgessl.export.gates.parity import extreme_images, extreme_pixels
from edgessl.metrics.interval import paired_difference
from edgessl.pipeline.export import export_checkpoint


def test_pt2_is_a_program_of_torch_export_with_a_dynamic_batch(case: Case) -> None:
    extra = {"edgessl": ""}
    program = torch.export.load(str(case.files["model.pt2"].path), extra_files=extra)
    for batch in (1, 5):
        images = torch.from_numpy(extreme_images(64)[:batch])
        assert program.module()(images).shape == (batch, len(CLASSES))
    assert json.loads(extra["edgessl"])["classes"] == list(CLASSES)


def test_ort_is_what_onnxruntime_loads_in_its_own_format(case: Case) -> None:
    path = case.files["model.ort"].path
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.load_model_format", "ORT")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    images = extreme_images(64)[-2:]
    expected = open_artifact(case.files["model.onnx"].path).run(images)
    assert np.abs(session.run(None, {"images": images})[0] - expected).max() < 1e-4
    assert b"ReorderInput" not in path.read_bytes()  # into a layout that only x86 has


def test_the_batch_1_file_has_no_dynamic_dimension(case: Case) -> None:
    model = onnx.load(str(case.files["model.batch1.onnx"].path))
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        assert dims[0].dim_value == 1
        assert all(dim.dim_value for dim in dims)


def test_the_end_to_end_file_takes_pixels_of_any_size(case: Case) -> None:
    artifact = open_artifact(case.files["model.e2e.onnx"].path)
    assert artifact.takes == artifact.known().takes == "pixels"
    for shape in ((1, 30, 40, 3), (2, 300, 100, 3)):
        assert artifact.run(np.zeros(shape, np.uint8)).shape == (shape[0], len(CLASSES))
    model = onnx.load(str(artifact.path))
    (value,) = model.graph.input
    dims = [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
    assert (value.name, dims) == ("pixels", ["batch", "height", "width", 3])


def test_its_answers_are_those_of_the_plain_file_after_preprocessing(case: Case) -> None:
    plain, whole = (open_artifact(case.files[f"model{n}.onnx"].path) for n in ("", ".e2e"))
    gates = {gate.name: gate for gate in case.files["model.e2e.onnx"].gates}
    assert gates["preprocessing"].status == "pass"
    assert max(gates["preprocessing"].numbers["max_levels"].values()) < 2.01
    black = extreme_pixels(64)[:1]
    mean, std = (np.reshape(plain.known().preprocess[k], (3, 1, 1)) for k in ("mean", "std"))
    images = np.broadcast_to(-mean / std, (1, 3, 64, 64)).astype(np.float32)
    assert np.abs(whole.run(black) - plain.run(images)).max() < 1e-4


def test_report_json_tells_every_gate_of_every_file(case: Case) -> None:
    report = json.loads((case.ckpt.parent / "report.json").read_text())
    files = {entry["path"]: entry for entry in report["export"]["files"]}
    assert set(files) == set(case.files)
    for name, file in case.files.items():
        assert [gate["name"] for gate in files[name]["gates"]] == [g.name for g in file.gates]
        assert {gate["status"] for gate in files[name]["gates"]} <= {"pass", "skip"}
    accuracy = next(g for g in files["model.onnx"]["gates"] if g["name"] == "accuracy")
    assert {"value", "low", "high", "n"} == accuracy["numbers"]["difference"].keys()


def test_a_file_is_told_by_the_same_keys_everywhere(case: Case) -> None:
    report = json.loads((case.ckpt.parent / "report.json").read_text())
    for entry in (*report["export"]["files"], *(f.to_dict() for f in case.files.values())):
        assert list(entry) == [
            "path", "format", "precision", "takes", "batch", "purpose", "opset", "size_mb", "head",
            "classes", "passed", "gates",
        ]
    batches = {name: file.batch for name, file in case.files.items() if file.batch is not None}
    assert batches == {"model.batch1.onnx": 1}


def test_a_record_says_what_lies_under_its_final_name(case: Case) -> None:
    for name, file in case.files.items():
        assert file.path == case.ckpt.parent / name
        assert file.size_mb == file.path.stat().st_size / 1e6
        assert file.metadata == open_artifact(file.path).known()
        assert [gate.to_dict() for gate in file.gates] == list(file.metadata.gates)


def test_what_a_run_wrote_to_report_json_stays(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"scores": {"knn_top1": 5}}')
    for name in ("a.onnx", "b.onnx", "gone.onnx"):
        write_record(tmp_path, {"checkpoint": "ckpt.pt", "files": [{"path": name}]})
        if name != "gone.onnx":
            (tmp_path / name).touch()
    write_record(tmp_path, {"checkpoint": "ckpt.pt", "files": [{"path": "b.onnx", "new": 1}]})
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["scores"] == {"knn_top1": 5}
    assert report["export"]["files"] == [{"path": "b.onnx", "new": 1}, {"path": "a.onnx"}]


def test_an_export_downloads_nothing_and_says_how_to_get_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    ckpt = write_checkpoint(tmp_path / "ckpt.pt", CLASSES, "pets")
    (file,) = export_checkpoint(ckpt, formats=("torchscript",))
    skipped = {gate.name: gate.finding for gate in file.gates if gate.status == "skip"}
    assert "get it with `edgessl data pets`, or pass --data" in skipped["accuracy"]
    with pytest.raises(UserError, match="edgessl data pets downloads it"):
        export_checkpoint(ckpt, formats=("torchscript",), data="pets")


def test_a_paired_difference_is_known_better_than_two_accuracies() -> None:
    low, high = paired_difference(0, 0, 360)
    assert low == -high
    assert high == pytest.approx(100 * 1.959964 / 362, rel=1e-6)
    # 90 of 100 against 86 of 100: two separate Wilson intervals are 12 points wide.
    low, high = paired_difference(4, 0, 100)
    assert -0.5 < low < 4 < high < 8.5
