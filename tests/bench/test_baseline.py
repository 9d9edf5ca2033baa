"""A model is called slower than its baseline only where the runs leave no doubt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from tiny_model import write_device, write_model
from typer.testing import CliRunner

from edgessl.bench.compare.baseline import compare, outcome
from edgessl.bench.compare.ratio import Ratio
from edgessl.cli.bench import bench
from edgessl.errors import GateFailed, UserError


def measured(p50_ms: float, seed: int, noise: float = 0.02, grade: str = "A") -> dict[str, Any]:
    """A document of one model."""
    generator = np.random.default_rng(seed)
    samples = p50_ms * np.exp(generator.normal(0, noise, (3, 40, 5)))
    control = {"ratio": 1.002, "low": 0.999, "high": 1.005}
    return {
        "device": {"cpu": "x"},
        "models": [{"path": "m.onnx", "name": "m.onnx", "threads": 1, "batch": 1, "sha256": "0",
                    "p50_ms": float(np.median(samples)), "samples_ms": samples.tolist()}],
        "conditions": [{"threads": 1, "batch": 1, "noise": {"grade": grade, "control": control}}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("slowdown", "said"),
    [(1.0, "within the limit"), (1.05, "within the limit"), (1.2, "slower than allowed"),
     (0.5, "within the limit"), (1.1, "too noisy to judge")],
)  # fmt: skip
def test_ten_percent_slower_is_judged_by_the_whole_interval(slowdown: float, said: str) -> None:
    (row,) = compare(measured(4 * slowdown, 0), measured(4, 1), 10)
    assert row["ratio"] == pytest.approx(slowdown, rel=0.02)
    assert row["outcome"] == said


def test_a_noisy_machine_cannot_judge() -> None:
    for now, then in (("C", "A"), ("A", "C")):
        (row,) = compare(measured(8, 0, grade=now), measured(4, 1, grade=then), 10)
        assert row["outcome"] == "too noisy to judge"
    assert outcome(Ratio(1.3, None, None), 10, noisy=False) == "too noisy to judge"


def test_the_controls_of_both_widen_the_interval() -> None:
    (row,) = compare(measured(4, 0), measured(4, 1), 10)
    off = measured(4, 0)
    off["conditions"][0]["noise"]["control"]["ratio"] = 1.05
    (wide,) = compare(off, measured(4, 1), 10)
    assert wide["high"] == pytest.approx(row["high"] * 1.05 / 1.002)


def bench_against(model: Path, device: Path, baseline: Path, *more: str) -> Any:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(bench)
    arguments = [model, "--device", device, "--baseline", baseline, *more]
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    """A model, its device, and what was measured of it."""
    folder = tmp_path_factory.mktemp("baseline")
    model = write_model(folder / "m.onnx")
    device = write_device(folder / "quick.toml", runs=100)
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(bench)
    CliRunner().invoke(app, [str(model), "--device", str(device), "--json", str(folder / "b.json")])
    return model, device, json.loads((folder / "b.json").read_text())


def test_a_model_that_was_a_thousand_times_as_fast_fails_with_exit_code_three(
    before: tuple[Path, Path, dict[str, Any]], tmp_path: Path
) -> None:
    model, device, document = before
    entry = document["models"][0]
    (launch,) = entry["samples_ms"]
    entry["samples_ms"] = [(np.asarray(launch) / 1000 * part).tolist() for part in (1, 1.01, 1.02)]
    device = write_device(tmp_path / "three.toml", runs=100, launches=3)
    for cell in document["conditions"]:
        cell["noise"] = {"grade": "A", "control": None}
    (tmp_path / "fast.json").write_text(json.dumps(document))
    result = bench_against(model, device, tmp_path / "fast.json", "--fail-slower", "10%")
    if "do not compare" in result.stdout:  # a busy machine must not fail a build
        assert result.exit_code == 0
        assert "too noisy to judge" in result.stdout
        return
    assert isinstance(result.exception, GateFailed)
    assert result.exception.exit_code == 3
    assert "must be at most 10 % slower than the baseline" in str(result.exception)


def test_a_baseline_of_another_device_or_of_other_models_is_refused(
    before: tuple[Path, Path, dict[str, Any]], tmp_path: Path
) -> None:
    model, device, document = before
    path = tmp_path / "b.json"
    path.write_text(json.dumps({**document, "device": {**document["device"], "cpu": "other"}}))
    assert "measured on a device like this one" in str(bench_against(model, device, path).exception)
    other = {**document["models"][0], "name": "other.onnx", "path": "other.onnx"}
    path.write_text(json.dumps({**document, "models": [other]}))
    refused = bench_against(model, device, path).exception
    assert isinstance(refused, UserError)
    assert "must hold raw samples of m.onnx (1 thread(s), batch 1)" in str(refused)
    assert f"got {path} with other.onnx (1 thread(s), batch 1)" in str(refused)


def test_an_old_verdict_fails_no_command_that_measures_nothing(
    before: tuple[Path, Path, dict[str, Any]], tmp_path: Path
) -> None:
    path = tmp_path / "old.json"
    slower = {"path": "m.onnx", "name": "m.onnx", "threads": 1, "batch": 1, "ratio": 2.0,
              "low": 1.9, "high": 2.1, "before_ms": 1.0, "now_ms": 2.0, "same_file": True,
              "limit_percent": 10.0, "outcome": "slower than allowed"}  # fmt: skip
    path.write_text(json.dumps({**before[2], "conditions": [], "baseline": [slower]}))
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(bench)
    result = CliRunner().invoke(app, ["--import", str(path)])
    assert result.exit_code == 0, result.exception
    assert "against the baseline" not in result.stdout


def test_a_wrong_limit_is_refused(before: tuple[Path, Path, dict[str, Any]]) -> None:
    model, device, _ = before
    refused = bench_against(model, device, device, "--fail-slower", "much").exception
    assert "--fail-slower: must be a percentage as 10%" in str(refused)
