"""`edgessl bench` measures every model in a process without torch, and describes the machine."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from PIL import Image
from tiny_model import write_device, write_model
from typer.testing import CliRunner, Result

from edgessl.bench.measure.opened import How
from edgessl.bench.measure.process import Worker
from edgessl.cli.bench import bench
from edgessl.errors import EdgesslError, UserError

CPU = "CPUExecutionProvider"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with a dynamic batch."""
    return write_model(tmp_path_factory.mktemp("bench") / "tiny.onnx")


def run(*arguments: object) -> Result:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(bench)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refusal(*arguments: object) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, UserError), result.output
    return str(result.exception)


def test_the_document_has_the_promised_keys(model: Path, tmp_path: Path) -> None:
    device = write_device(tmp_path / "quick.toml", runs=300)
    result = run(model, "--device", device, "--json", "-")
    assert result.exit_code == 0, result.exception
    document = json.loads(result.stdout)
    (entry,) = document["models"]
    for key in ("p50_ms", "p90_ms", "p99_ms", "images_per_s", "load_ms", "first_run_ms",
                "peak_rss_mb", "cores_obtained", "size_mb"):
        assert entry[key] > 0, key
    assert entry["p50_ms"] <= entry["p90_ms"] <= entry["p99_ms"]
    assert entry["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert entry["input"] == [1, 3, 8, 8]
    assert entry["torch_loaded"] is False
    assert {"cpu", "flags", "cores_affinity", "cores_quota", "governor", "os", "versions"} <= set(
        document["device"]
    )


def test_models_threads_and_batches_are_crossed_and_the_file_is_written(
    model: Path, tmp_path: Path
) -> None:
    device = write_device(tmp_path / "quick.toml", runs=20)
    other = write_model(tmp_path / "other.onnx")
    out = tmp_path / "bench.json"
    result = run(model, other, "--device", device, "--batch", "1,4", "--json", out)
    assert result.exit_code == 0, result.exception
    models = json.loads(out.read_text())["models"]
    assert [(m["name"], m["batch"]) for m in models] == [
        ("tiny.onnx", 1), ("other.onnx", 1), ("tiny.onnx", 4), ("other.onnx", 4),
    ]
    assert all(m["p90_ms"] is None and m["p99_ms"] is None for m in models)
    assert "p90 needs 100 runs, got 20" in result.stdout
    assert "times as long as tiny.onnx" in result.stdout or "do not compare" in result.stdout


def test_neither_worker_nor_parent_imports_torch() -> None:
    names = "sys, edgessl.bench.measure.worker, edgessl.cli.bench, edgessl.pipeline.bench"
    code = f"import {names}; print({{'torch'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_dead_worker_is_reported_and_not_waited_for(model: Path) -> None:
    with Worker(model, How(threads=1, batch=1, provider=CPU)) as worker:
        worker._process.kill()
        with pytest.raises(EdgesslError, match="the measuring process died"):
            worker.run(1)


def test_what_fails_inside_a_worker_is_told_and_not_taken_for_a_lack_of_memory(model: Path) -> None:
    with Worker(model, How(threads=1, batch=1, provider=CPU)) as worker:
        with pytest.raises(EdgesslError) as failed:
            worker._ask(do="run", times="many")
        assert len(worker.run(1)) == 1  # it is still there
    assert "the measuring process failed with TypeError: 'str' object cannot" in str(failed.value)
    assert "memory" not in str(failed.value)


def test_missing_files_are_refused_together(tmp_path: Path) -> None:
    message = refusal(tmp_path / "a.onnx", tmp_path / "b.onnx")
    assert [line.split(": must be")[0] for line in message.splitlines()] == [
        str(tmp_path / "a.onnx"), str(tmp_path / "b.onnx"),
    ]


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("no model")
    assert f"{path}: must be an ONNX model that onnxruntime can load" in refusal(path)


def test_an_unknown_device_is_refused_with_the_known_one(model: Path) -> None:
    assert "Did you mean: cpu" in refusal(model, "--device", "cpus")
    known = "Known: coreml, cpu, cpu-1thread, cuda, nnapi, openvino, xnnpack"
    assert known in refusal(model, "--device", "toaster")


def test_a_missing_provider_says_what_to_install(model: Path, tmp_path: Path) -> None:
    device = write_device(tmp_path / "npu.toml", "OpenVINOExecutionProvider")
    assert "pip install onnxruntime-openvino" in refusal(model, "--device", device)


def test_wrong_numbers_are_refused(model: Path) -> None:
    assert refusal(model, "--threads", "two").startswith("--threads: must be whole numbers")
    message = refusal(model, "--threads", "0", "--batch", "-1")
    assert message.splitlines() == [
        "--threads: must be whole numbers from 1, got 0",
        "--batch: must be whole numbers from 1, got -1",
    ]


def test_a_fixed_batch_and_a_free_size_are_refused(tmp_path: Path) -> None:
    fixed = write_model(tmp_path / "fixed.onnx", batch=2)
    assert "its batch is fixed to 2, got --batch 1" in refusal(fixed)
    free = write_model(tmp_path / "free.onnx", side="side")
    assert "must have a fixed image size" in refusal(free)


def test_everything_wrong_with_the_files_is_said_before_anything_is_measured(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*_: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(Worker, "__init__", measured)
    one, four = (write_model(tmp_path / f"batch{n}.onnx", batch=n) for n in (1, 4))
    free = write_model(tmp_path / "free.onnx", side="side")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    message = refusal(model, one, four, free, "--batch", "1,8", "--e2e", tmp_path / "a.png")
    assert [line.split("; ")[0] for line in message.splitlines()] == [
        f"{one}: its batch is fixed to 1, got --batch 8",
        f"{four}: its batch is fixed to 4, got --batch 1,8",
        f"{four}: must take one image for --e2e, its batch is fixed to 4",
        f"{free}: must have a fixed image size, got ['batch', 3, 'side', 'side']",
    ]


def test_a_file_of_a_fixed_batch_is_profiled_at_that_batch(tmp_path: Path) -> None:
    four = write_model(tmp_path / "batch4.onnx", batch=4)
    device = write_device(tmp_path / "quick.toml", runs=20)
    result = run(four, "--device", device, "--batch", "4", "--profile", "--json", "-")
    assert result.exit_code == 0, result.exception
    (profile,) = json.loads(result.stdout)["operators"]
    assert {row["operator"] for row in profile["operators"]} >= {"Conv"}


def test_an_unwritable_json_file_is_refused_before_measuring(model: Path, tmp_path: Path) -> None:
    assert "must be in an existing folder" in refusal(model, "--json", tmp_path / "no" / "b.json")
