"""A file with a fault that people really ship is stopped, by the gate that is there for it.

Each fault is put into the real file of a healthy network, by editing its graph or its metadata.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from faults import (
    baked_batch,
    blue_first,
    blue_first_in_the_network,
    crop_off_centre,
    faulty,
    fixed_input,
    lost_metadata,
    nearest_resize,
    no_normalisation,
    other_mean,
    other_opset,
    shuffled_labels,
    shuffled_outputs,
    without_antialias,
    wrong_normalisation,
)
from small_network import Case

from edgessl.errors import GateFailed
from edgessl.export.product import ExportedFile
from edgessl.pipeline import export as story
from edgessl.pipeline.export import export_checkpoint

FAULTS = [
    (wrong_normalisation, "model.e2e.onnx", "preprocessing"),
    (no_normalisation, "model.e2e.onnx", "preprocessing"),
    (blue_first, "model.e2e.onnx", "preprocessing"),
    (nearest_resize, "model.e2e.onnx", "preprocessing"),
    (without_antialias, "model.e2e.onnx", "preprocessing"),
    (crop_off_centre, "model.e2e.onnx", "preprocessing"),
    (baked_batch, "model.e2e.onnx", "parity on extremes"),
    (baked_batch, "model.onnx", "parity on extremes"),
    (fixed_input, "model.onnx", "structure"),
    (other_opset, "model.onnx", "structure"),
    (other_opset, "model.batch1.onnx", "structure"),
    (blue_first_in_the_network, "model.onnx", "parity on extremes"),
    (shuffled_labels, "model.onnx", "labels"),
    (shuffled_labels, "model.e2e.onnx", "labels"),
    (shuffled_outputs, "model.onnx", "parity on extremes"),
    (other_mean, "model.onnx", "labels"),
    (lost_metadata, "model.onnx", "labels"),
]
"""A fault, the healthy file it is put into, and the first gate that must fail."""


def named(number: int) -> str:
    return f"model.{number}.onnx"


@pytest.fixture(scope="module")
def stopped(case: Case, tmp_path_factory: pytest.TempPathFactory) -> tuple[ExportedFile, ...]:
    """One export of every faulty file, where older ones of the same names lie."""
    assert all(file.passed for file in case.files.values())
    folder = tmp_path_factory.mktemp("faults")
    broken = [
        faulty(case.products[whole], fault, named(number))
        for number, (fault, whole, _) in enumerate(FAULTS)
    ]
    for product in broken:
        (folder / product.name).write_bytes(b"an older file")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(story, "products_of", lambda *_: tuple(broken))
        return export_checkpoint(case.ckpt, out=folder)


@pytest.mark.parametrize(
    "number", range(len(FAULTS)), ids=[f"{fault.__name__}-{name}" for fault, name, _ in FAULTS]
)
def test_a_fault_is_stopped_by_its_gate(number: int, stopped: tuple[ExportedFile, ...]) -> None:
    file, gate = stopped[number], FAULTS[number][2]
    assert next(g.name for g in file.gates if g.status == "fail") == gate
    assert file.path.name == f"model.{number}.failed.onnx"
    assert file.path.is_file()
    assert not (file.path.parent / named(number)).exists()  # it would mislead
    recorded = json.loads((file.path.parent / "report.json").read_text())["export"]["files"]
    assert [entry["passed"] for entry in recorded if entry["path"] == file.path.name] == [False]


def test_the_verdict_names_the_gate_and_the_way_out(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import typer
    from typer.testing import CliRunner

    from edgessl.cli.export import export

    broken = faulty(case.products["model.e2e.onnx"], blue_first, "model.e2e.onnx")
    healthy = case.products["model.onnx"]
    monkeypatch.setattr(story, "products_of", lambda *_: (healthy, broken))
    app = typer.Typer()
    app.command()(export)
    result = CliRunner().invoke(app, [str(case.ckpt), "--out", str(tmp_path)])
    assert isinstance(result.exception, GateFailed)
    assert str(result.exception) == (
        f"{tmp_path / 'model.e2e.failed.onnx'}: must pass every gate before it is used, failed: "
        "preprocessing; it is kept for a look; use model.onnx and prepare the images as "
        "preprocess.json says"
    )
    assert (tmp_path / "model.onnx").is_file()
    assert "model.onnx: proven against the checkpoint" in result.stdout
