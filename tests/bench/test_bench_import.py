"""What a bundle's ``run.py --bench`` measured is judged by ``edgessl bench`` as its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from tiny_model import KNOWN, write_device, write_model
from typer.testing import CliRunner, Result

from edgessl import catalog
from edgessl.bench.compare.document import read_document
from edgessl.bench.measure.device import read_device
from edgessl.cli.bench import bench
from edgessl.errors import UserError


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models beside ``run.py``."""
    folder = tmp_path_factory.mktemp("bundle")
    shutil.copy(catalog.root() / "export/runners/python/run.py", folder / "run.py")
    write_model(folder / "model.batch1.onnx", batch=1, repeats=2, metadata=KNOWN)
    write_model(folder / "model.onnx", repeats=20, metadata=KNOWN)
    return folder


@pytest.fixture(scope="module")
def measured(bundle: Path) -> Path:
    """The file that the bundle's ``run.py --bench --json`` wrote."""
    path = bundle / "bench.json"
    command = [sys.executable, "-W", "error", str(bundle / "run.py"), "--bench", "--threads", "1",
               "--launches", "3"]  # fmt: skip
    done = subprocess.run(
        [*command, "--seconds", "0.3", "--json", str(path)], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "model.batch1.onnx once more: " in done.stdout
    return path


def run(*arguments: object) -> Result:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(bench)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_file_follows_the_protocol_of_the_device_cpu(measured: Path) -> None:
    document = json.loads(measured.read_text())
    device = read_device("cpu").model_dump()
    chosen = {"threads": 1, "min_seconds": 0.3, "launches": 3}
    assert document["protocol"] == {**device, **chosen}
    for entry in document["models"]:
        assert len(entry["samples_ms"]) == len(entry["loads_ms"]) == 3
        assert entry["warmup_runs"] >= 20


def test_it_has_every_key_of_edgessl_bench_once_it_is_judged(measured: Path, bundle: Path) -> None:
    device = write_device(bundle / "quick.toml")
    here = run(bundle / "model.onnx", "--device", device, "--json", "-")
    assert here.exit_code == 0, here.exception
    ours, theirs = json.loads(here.stdout), read_document(measured)
    assert set(ours) - set(theirs) == {"edgessl"}  # a bundle does not know its version
    for part in ("models", "conditions"):
        assert set(ours[part][0]) == set(theirs[part][0]), part
    assert set(ours["device"]) == set(theirs["device"])
    assert set(ours["conditions"][0]["noise"]) == set(theirs["conditions"][0]["noise"])
    same = ("size_mb", "sha256", "input", "top1", "precision", "runtime")
    other = next(one for one in theirs["models"] if one["name"] == "model.onnx")
    assert {key: ours["models"][0][key] for key in same} == {key: other[key] for key in same}


def test_its_medians_get_intervals_and_its_models_are_compared(measured: Path) -> None:
    document = read_document(measured)
    for entry in document["models"]:
        runs = [run for launch in entry["samples_ms"] for turn in launch for run in turn]
        assert np.median(runs) == pytest.approx(entry["p50_ms"], abs=1e-4)
        low_ms, high_ms = entry["p50_low_ms"], entry["p50_high_ms"]
        assert low_ms - 1e-4 <= entry["p50_ms"] <= high_ms + 1e-4  # samples have four digits
    (comparison,) = document["comparisons"]
    assert (comparison["base"], comparison["name"]) == ("model.batch1.onnx", "model.onnx")
    assert comparison["ratio"] > 1.5  # twenty layers and two
    noise = document["conditions"][0]["noise"]
    assert noise["grade"] in "ABC"
    assert noise["control"]["ratio"] == pytest.approx(1, abs=0.5)


def test_the_command_shows_it_alone_and_beside_what_is_measured_here(
    measured: Path, bundle: Path, tmp_path: Path
) -> None:
    alone = run("--import", measured)
    assert alone.exit_code == 0, alone.exception
    assert "model.batch1.onnx" in alone.stdout
    assert "noise " in alone.stdout
    document = json.loads(measured.read_text())
    document["device"]["cpu"] = "Some Board"
    (tmp_path / "board.json").write_text(json.dumps(document))
    page, table = tmp_path / "both.html", tmp_path / "both.csv"
    both = run(bundle / "model.onnx", "--device", write_device(tmp_path / "quick.toml"), "--import",
               tmp_path / "board.json", "--html", page, "--csv", table)  # fmt: skip
    assert both.exit_code == 0, both.exception
    assert "Some Board" in page.read_text()
    assert [line.split(",")[0] for line in table.read_text().splitlines()[2:]] == ["Some Board"] * 2


def test_it_can_be_a_baseline(measured: Path, bundle: Path, tmp_path: Path) -> None:
    model = bundle / "model.onnx"
    result = run(model, "--device", write_device(tmp_path / "quick.toml"), "--baseline", measured,
                 "--fail-slower", "900%")  # fmt: skip
    assert result.exit_code == 0, result.exception
    assert "model.onnx against the baseline, the same file" in result.stdout


def test_damage_is_named_by_its_place(measured: Path, tmp_path: Path) -> None:
    whole = json.loads(measured.read_text())
    model, rest = whole["models"][0], whole["models"][1:]
    broken: dict[str, Any] = {
        "models.0.p50_ms: Field required": {**whole, "models": [_without(model, "p50_ms"), *rest]},
        "models.0.threads: Input should be": {**whole, "models": [{**model, "threads": 0}, *rest]},
        "models: List should have at least 1 item": {**whole, "models": []},
        "device: Field required": _without(whole, "device"),
        "samples_ms that are no runs": {**whole, "models": [{**model, "samples_ms": [[[0.0]]]}]},
        "no table": [],
    }
    for said, content in broken.items():
        path = tmp_path / "broken.json"
        path.write_text(json.dumps(content))
        refused = run("--import", path).exception
        assert isinstance(refused, UserError), said
        assert str(refused).startswith(f"{path}: must be a file of `edgessl bench --json` or ")
        assert said in str(refused)
        assert len(str(refused).splitlines()) == 1


def test_the_constants_are_those_of_edgessl_bench() -> None:
    from edgessl.bench.compare import latency
    from edgessl.bench.measure import in_turns

    source = (catalog.root() / "export/runners/python/run.py").read_text()
    turns = f"{read_device('cpu').turn_ms}, {in_turns.MIN_TURN_RUNS}, {in_turns.MAX_TURN_RUNS}"
    assert f"LAUNCHES = {read_device('cpu').launches} " in source
    assert f"TURN_MS, MIN_TURN_RUNS, MAX_TURN_RUNS = {turns}\n" in source
    assert f"MAX_WARMUP_RUNS, MAX_WARMUP_MS = {in_turns.MAX_WARMUP_RUNS}, " in source
    assert f"p90 if count >= {latency.MIN_RUNS_P90} " in source
    assert f"p99 if count >= {latency.MIN_RUNS_P99} " in source


def _without(table: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name != key}



@pytest.mark.parametrize("ms", [0, 0.0, -1, 1e300])
def test_a_run_of_no_time_is_refused(tmp_path: Path, ms: float) -> None:
    document = {
        "device": {"cpu": "x"},
        "models": [{"name": "a", "path": "a.onnx", "threads": 1, "batch": 1, "p50_ms": 1.0,
                    "samples_ms": [[[1.0, ms]], [[1.0, 1.0]]]}],
    }  # fmt: skip
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(UserError, match=r"samples_ms that are no runs of milliseconds \(a run of"):
        read_document(path)
