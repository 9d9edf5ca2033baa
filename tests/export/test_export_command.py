"""`edgessl export` writes one portable file that says what it is, or exits with 3 and a .failed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import onnx
import pytest
import typer
from small_network import CLASSES, PREPROCESS, Case, write_checkpoint, write_images
from typer.testing import CliRunner

from edgessl.artifact import open_artifact
from edgessl.artifact.opened import NEEDS_TORCH
from edgessl.errors import UserError
from edgessl.export.bundle.write import WHAT
from edgessl.export.gates.structure import leaked_paths
from edgessl.pipeline.export import export

NAMES = [
    "model.onnx", "model.batch1.onnx", "model.e2e.onnx", "model.torchscript", "model.pt2",
    "model.ort",
]
STRICT_TARGET = """
formats = ["onnx"]
opset = 17
atol = 1e-12
rtol = 0.0
max_drop_percent = 0.5
"""


def test_every_gate_passes_on_a_healthy_network(case: Case) -> None:
    for file in case.files.values():
        assert [gate.name for gate in file.gates if gate.status == "fail"] == []
        skipped = [gate.name for gate in file.gates if gate.status == "skip"]
        assert skipped == (["without torch"] if file.format in NEEDS_TORCH else [])
    assert [gate.name for gate in case.files["model.onnx"].gates] == [
        "structure", "labels", "parity on extremes", "parity on images", "accuracy",
        "without torch",
    ]


def test_the_bundle_lies_beside_the_checkpoint_and_nothing_else_does(case: Case) -> None:
    names = {path.name for path in case.ckpt.parent.iterdir()} - {"cache", "data"}
    assert names == {"ckpt.pt", "report.json", "manifest.json", *case.files, *WHAT}


def test_the_onnx_file_has_the_target_s_opset_and_a_dynamic_batch(case: Case) -> None:
    model = onnx.load(str(case.files["model.onnx"].path))
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20)]
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {"images": ["batch", 3, 64, 64], "logits": ["batch", 3]}


@pytest.mark.parametrize("name", NAMES)
def test_the_file_carries_classes_preprocessing_and_gates(case: Case, name: str) -> None:
    known = open_artifact(case.files[name].path).known()
    assert known.classes == CLASSES
    assert known.preprocess == PREPROCESS.to_dict()
    assert (known.head, known.input_px) == ("logits", 64)
    accuracy = next(gate for gate in known.gates if gate["name"] == "accuracy")
    assert accuracy["numbers"]["top1"]["n"] == 9
    assert accuracy["numbers"]["top1"]["value"] == accuracy["numbers"]["checkpoint_top1"]["value"]


def test_no_path_of_this_machine_is_inside(case: Case) -> None:
    model = onnx.load(str(case.files["model.onnx"].path))
    assert list(leaked_paths(model)) == []
    assert all(not node.metadata_props and not node.doc_string for node in model.graph.node)
    for file in case.files.values():
        content = file.path.read_bytes()
        for folder in (case.ckpt.parent, Path(__file__).parents[2], Path(onnx.__file__).parents[1]):
            assert str(folder).encode() not in content
    names = zipfile.ZipFile(case.files["model.torchscript"].path).namelist()
    assert not [name for name in names if name.endswith(".debug_pkl")]


def test_provenance_keeps_the_data_s_name_only(case: Case) -> None:
    known = open_artifact(case.files["model.onnx"].path).known()
    assert known.provenance["data"] == "data"
    assert known.provenance["recipe"] == "some-recipe"


def test_opset_17_is_what_the_file_says_and_a_failed_gate_exits_with_3(
    case: Case, app: typer.Typer, tmp_path: Path
) -> None:
    target = tmp_path / "strict.toml"
    target.write_text(STRICT_TARGET)
    options = ["--target", str(target), "--out", str(tmp_path), "--json"]
    result = CliRunner().invoke(app, ["export", str(case.ckpt), *options])
    assert getattr(result.exception, "exit_code", None) == 3, result.output
    assert "parity on extremes" in str(result.exception)
    assert not (tmp_path / "model.onnx").exists()
    failed = tmp_path / "model.failed.onnx"
    model = onnx.load(str(failed))
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    assert list(leaked_paths(model)) == []
    file = json.loads(result.stdout)["files"][0]
    assert (file["path"], file["opset"], file["passed"]) == (str(failed), 17, False)
    recorded = {gate["name"]: gate["status"] for gate in open_artifact(failed).known().gates}
    assert recorded["parity on extremes"] == "fail"


def test_without_data_the_file_says_what_was_not_checked(
    app: typer.Typer, tmp_path: Path
) -> None:
    ckpt = write_checkpoint(tmp_path / "ckpt.pt", CLASSES, str(tmp_path / "gone"))
    target = tmp_path / "libtorch.toml"
    target.write_text(STRICT_TARGET.replace("onnx", "torchscript").replace("1e-12", "1e-4"))
    options = ["--target", str(target), "--head", "probs"]
    result = CliRunner().invoke(app, ["export", str(ckpt), *options])
    assert result.exit_code == 0, result.exception
    assert "skipped: accuracy, parity on images, without torch." in result.stdout
    assert "deprecated" in result.stdout
    known = open_artifact(tmp_path / "model.torchscript").known()
    statuses = {gate["name"]: gate["status"] for gate in known.gates}
    assert statuses["accuracy"] == statuses["parity on images"] == "skip"
    assert known.head == "probs"


def test_a_success_removes_the_failed_file_of_before(tmp_path: Path) -> None:
    ckpt = write_checkpoint(tmp_path / "ckpt.pt", (), None)
    stale = tmp_path / "model.failed.torchscript"
    stale.write_bytes(b"")
    (file,) = export(ckpt, formats=("torchscript",)).files
    assert file.passed
    assert file.metadata.head == "features"
    assert not stale.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opset": 12}, "--opset: must be 13 to 24, got 12"),
        ({"head": "classes"}, "--head: must be one of logits, probs, features"),
        ({"head": "classes"}, "got 'classes'; leave it out for the checkpoint's own"),
        ({"max_drop_percent": 101}, "got 101; leave it out for the target's own"),
        ({"target": "arm64", "formats": ("pt2",)}, "got pt2; choose another --target"),
        ({"target": "gpu"}, "no file 'gpu' in export/targets/"),
        ({"data": "nowhere"}, "nowhere"),
    ],
)
def test_what_cannot_be_exported_is_said_before_anything_is_written(
    case: Case, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        export(case.ckpt, out=tmp_path, **options)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_an_output_folder_that_is_a_file_is_refused(case: Case) -> None:
    with pytest.raises(UserError, match="--out: must be a folder, got a file"):
        export(case.ckpt, out=case.ckpt)


def test_features_have_no_logits_to_export(tmp_path: Path) -> None:
    ckpt = write_checkpoint(tmp_path / "ckpt.pt", (), None)
    with pytest.raises(UserError, match="has no classifier, got 'logits'"):
        export(ckpt, head="logits")


def test_other_data_with_unknown_classes_is_refused_by_name(case: Case, tmp_path: Path) -> None:
    data = write_images(tmp_path / "zoo", ("ant", "dog", "bee"))
    with pytest.raises(UserError, match="got unknown ones: dog"):
        export(case.ckpt, data=str(data), out=tmp_path)
