"""What each command must do with a file for a device, whatever its runtime is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from small_network import CLASSES
from typer.testing import CliRunner

from edgessl.cli import app

DEVICE = (
    'provider = "CPUExecutionProvider"\nthreads = 1\nlaunches = 2\nmin_runs = 20\n'
    'min_seconds = 0.0\nmax_seconds = 5.0\n'
)


def asked(*arguments: object) -> dict[str, Any]:
    """Give a command, and return the JSON document that it prints."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, (done.output, done.exception)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def predict(model: Path, data: Path, _folder: Path) -> None:
    """Names the class of an image."""
    image = next((data / "test").rglob("*.png"))
    (answer,) = asked("predict", model, image, "--json")["predictions"]
    assert {entry["name"] for entry in answer["classes"]} == set(CLASSES)


def evaluate(model: Path, data: Path, _folder: Path) -> None:
    """Scores all test images."""
    scores = asked("eval", model, "--data", data, "--json")
    assert scores["score"]["n"] == 3 * len(CLASSES)


def profile(model: Path, _data: Path, _folder: Path) -> None:
    """Counts the network."""
    cost = asked("profile", model, "--json")
    assert cost["macs"] > cost["params"] > 2_000_000


def bench(model: Path, _data: Path, folder: Path) -> None:
    """Times it in its own runtime."""
    (folder / "quick.toml").write_text(DEVICE)
    command = ("bench", model, "--device", folder / "quick.toml", "--threads", "1", "--json", "-")
    (entry,) = asked(*command)["models"]
    assert entry["p50_ms"] > 0
    assert entry["runtime"] != "onnxruntime"


def compare(model: Path, _data: Path, _folder: Path) -> None:
    """Has a row for it, with the accuracy that was measured through it."""
    document = asked("compare", model, "--json")
    assert model.name in json.dumps(document)


COMMANDS: dict[str, Callable[[Path, Path, Path], None]] = {
    "predict": predict, "eval": evaluate, "profile": profile, "bench": bench, "compare": compare,
}  # fmt: skip
"""Command -> what it must do with a model, images like those it was trained on, and a folder."""
