"""The table of formats has a row for each file, failed and missing ones included."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from edgessl import catalog

PROGRAM = Path("bench/formats/measure.py")


@pytest.fixture(scope="module")
def program() -> ModuleType:
    """``bench/formats/measure.py`` as a module."""
    spec = importlib.util.spec_from_file_location("measure_formats", catalog.root() / PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def file(path: Path, precision: str, *failed: str) -> dict[str, Any]:
    accuracy = {
        "top1": {"value": 61.25}, "difference": {"value": -0.4, "low": -1.3, "high": 0.4, "n": 713}
    }
    gates = [{"name": "accuracy", "status": "pass", "finding": "", "numbers": accuracy}]
    gates += [{"name": name, "status": "fail", "finding": "why", "numbers": {}} for name in failed]
    return {"path": str(path), "precision": precision, "takes": "normalised", "size_mb": 3.98,
            "gates": gates}  # fmt: skip


def test_a_row_for_every_file(program: ModuleType, tmp_path: Path) -> None:
    net = tmp_path / "net"
    (net / "litert").mkdir(parents=True)
    (net / "ncnn").mkdir()
    whole, broken = net / "litert/model.tflite", net / "litert/model.int8.failed.tflite"
    said = {
        "files": [file(whole, "fp32"), file(broken, "int8", "int8 loss")],
        "not_made": [{"name": "model.fp16.tflite", "reason": "it gave up"}],
    }
    (net / "litert/said.json").write_text(json.dumps(said))
    (net / "ncnn/said.json").write_text(json.dumps({"files": [], "refused": "no environment"}))
    timed = {
        "models": [{"path": str(whole), "p50_ms": 1.234}],
        "conditions": [{"noise": {"grade": "B"}}],
    }
    (net / "timed.json").write_text(json.dumps(timed))
    program.write_table(tmp_path)
    lines = (tmp_path / "table.md").read_text().splitlines()[2:]
    assert lines == [
        "| net | LiteRT | fp32 | 61.2 | -0.4 [-1.3, +0.4] | 4.0 | 1.23 (B) | passed |",
        "| net | LiteRT | int8 | 61.2 | -0.4 [-1.3, +0.4] | 4.0 | - | **int8 loss** |",
        "| net | LiteRT | model.fp16.tflite | - | - | - | - | **not made** |",
        "| net | NCNN | all | - | - | - | - | **not made** |",
    ]
    findings = [row["finding"] for row in json.loads((tmp_path / "table.json").read_text())]
    assert findings == ["", "why", "it gave up", "no environment"]


def test_what_was_not_timed_has_no_latency(program: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "net/onnx").mkdir(parents=True)
    said = {"files": [file(tmp_path / "net/onnx/model.onnx", "fp32")]}
    (tmp_path / "net/onnx/said.json").write_text(json.dumps(said))
    program.write_table(tmp_path)
    assert (tmp_path / "table.md").read_text().splitlines()[2].endswith("| 4.0 | - | passed |")
