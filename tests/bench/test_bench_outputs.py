"""What one bench writes: JSON with every run, CSV, Markdown, one offline page; and reads again."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from tiny_model import KNOWN, write_device, write_model
from typer.testing import CliRunner, Result

from edgessl.bench.page.tables import notes
from edgessl.cli.bench import bench
from edgessl.errors import UserError


def run(*arguments: object) -> Result:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(bench)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, images, and all that a bench of them writes."""
    folder = tmp_path_factory.mktemp("outputs")
    write_model(folder / "small.onnx", metadata=KNOWN)
    write_model(folder / "large<b>.onnx", metadata=KNOWN, repeats=40)
    write_device(folder / "quick.toml", runs=100, launches=3)  # fewer give no interval
    (folder / "images").mkdir()
    for index in range(2):
        pixels = np.full((20, 30, 3), 90 * index, np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{index}.png")
    result = run(
        folder / "small.onnx", folder / "large<b>.onnx", "--device", folder / "quick.toml",
        "--profile", "--e2e", folder / "images", "--sustained", "1s",
        "--json", folder / "b.json", "--csv", folder / "b.csv", "--markdown", folder / "b.md",
        "--html", folder / "b.html",
    )  # fmt: skip
    assert result.exit_code == 0, result.exception
    (folder / "screen.txt").write_text(result.stdout)
    return folder


@pytest.fixture(scope="module")
def document(folder: Path) -> dict[str, Any]:
    """The JSON document."""
    content: dict[str, Any] = json.loads((folder / "b.json").read_text())
    return content


def test_every_run_is_in_the_document(document: dict[str, Any]) -> None:
    for entry in document["models"]:
        runs = [run for launch in entry["samples_ms"] for turn in launch for run in turn]
        assert len(runs) == entry["runs"] >= 100
        assert np.median(runs) == pytest.approx(entry["p50_ms"], abs=1e-4)
        assert entry["p50_low_ms"] <= entry["p50_ms"] <= entry["p50_high_ms"]
        assert entry["top1"]["value"] == 75


def test_a_model_of_forty_layers_is_found_slower_than_one_of_one(document: dict[str, Any]) -> None:
    (comparison,) = document["comparisons"]
    assert comparison["base"] == "small.onnx"
    assert comparison["ratio"] > 2
    assert comparison["verdict"] == "slower"


def test_each_condition_has_a_control_and_a_grade(document: dict[str, Any]) -> None:
    for cell in document["conditions"]:
        assert cell["noise"]["grade"] in "ABC"
        assert cell["noise"]["control"]["ratio"] == pytest.approx(1, abs=0.5)


def test_the_operators_are_those_of_the_graph(document: dict[str, Any]) -> None:
    small, large = document["operators"]
    counts = {row["operator"]: row["nodes"] for row in large["operators"]}
    assert counts["Conv"] == 40
    for profile in (small, large):
        assert sum(row["percent"] for row in profile["operators"]) == pytest.approx(100)
    assert set(large["nodes_by_provider"]) == {"CPUExecutionProvider"}


def test_the_steps_add_up_to_the_whole(document: dict[str, Any]) -> None:
    for row in document["end_to_end"]:
        assert row["images"] == 2
        steps = np.array([row["steps_ms"][s] for s in ("decode", "preprocess", "core", "post")])
        assert steps.shape == (4, row["runs"])
        assert (steps > 0).all()
        assert np.median(steps.sum(axis=0)) == pytest.approx(row["total_p50_ms"])


def test_a_long_run_is_seen_in_windows(document: dict[str, Any]) -> None:
    for entry in document["sustained"]:
        assert len(entry["windows"]) == 30
        assert entry["windows"][-1]["end_s"] == pytest.approx(1)


def test_the_csv_has_a_line_for_each_model(folder: Path) -> None:
    rows = list(csv.DictReader((folder / "b.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["name"] for row in rows] == ["small.onnx", "large<b>.onnx"]
    assert all(float(row["p50_ms"]) > 0 and row["noise_grade"] in "ABC" for row in rows)


def test_the_markdown_table_is_rectangular(folder: Path) -> None:
    lines = (folder / "b.md").read_text(encoding="utf-8").splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + 2
    assert len({line.count("|") for line in table}) == 1


class _Page(HTMLParser):
    """Collects what a page would fetch, and counts its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.fetched += [value or "" for key, value in attrs if key in ("src", "href")]


def test_the_page_is_one_file_that_fetches_nothing(folder: Path) -> None:
    text = (folder / "b.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert page.fetched == ["data:,"]
    assert page.tags["polygon"] == 2  # a hill of runs for each model
    assert {"Where the runs lie", "From file to answer"} <= set(re.findall("<h2>(.*?)</h2>", text))
    assert "large<b>" not in text
    assert "script" not in page.tags


def test_a_document_of_another_device_stands_beside_this_one(folder: Path, tmp_path: Path) -> None:
    other = json.loads((folder / "b.json").read_text())
    other["device"]["cpu"] = "Some Board"
    for entry in other["models"]:  # a bundle's run.py writes no more than this
        for key in ("samples_ms", "p50_low_ms", "p50_high_ms", "runtime", "top1"):
            del entry[key]
    bare = {"device": other["device"], "models": other["models"]}
    (tmp_path / "board.json").write_text(json.dumps(bare))
    result = run("--import", folder / "b.json", "--import", tmp_path / "board.json",
                 "--html", tmp_path / "both.html", "--csv", tmp_path / "both.csv")  # fmt: skip
    assert result.exit_code == 0, result.exception
    lines = (tmp_path / "both.csv").read_text().splitlines()
    devices = {row["device"] for row in csv.DictReader(lines)}
    assert len(devices) == 2
    assert "Some Board" in (tmp_path / "both.html").read_text()
    alone = run("--import", tmp_path / "board.json", "--html", tmp_path / "alone.html")
    assert alone.exit_code == 0, alone.exception


def test_the_screen_says_what_its_columns_are(folder: Path) -> None:
    screen = (folder / "screen.txt").read_text()
    assert "latency, loading and first run in ms; p50 is the median, img/s of the mean" in screen
    assert "peak MB" in screen
    assert "images/s (mean)" in (folder / "b.md").read_text()
    assert "images/s (mean)" in (folder / "b.html").read_text()


def test_idle_threads_come_with_a_way_out() -> None:
    measured = {
        "p90_ms": 1.0, "p99_ms": 1.0, "warmup_stable": True, "iqr_percent": 1.0,
        "runtime": "onnxruntime", "threads": 2, "cores_obtained": 1.004,
    }  # fmt: skip
    idle = "2 threads kept only 1.00 cores busy; --threads 1"
    assert notes(measured, "CPUExecutionProvider")[0] == (
        f"{idle} (or --device cpu-1thread) may be as fast"
    )
    assert notes(measured, "CUDAExecutionProvider")[0] == f"{idle} may be as fast"


def test_something_else_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "no.json").write_text("{}")
    result = run("--import", tmp_path / "no.json")
    assert isinstance(result.exception, UserError)
    assert "must be a file of `edgessl bench --json`" in str(result.exception)


def test_end_to_end_needs_to_know_the_preprocessing(folder: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "bare.onnx")
    result = run(model, "--device", folder / "quick.toml", "--e2e", folder / "images")
    assert isinstance(result.exception, UserError)
    assert "must carry edgessl's metadata (preprocessing) for --e2e" in str(result.exception)
