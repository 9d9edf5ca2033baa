"""SIGTERM saves, exits with 143, and the same command goes on from there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pipeline.tiny_run import ENGINE, write_images, write_recipe


def test_sigterm_saves_and_exits_with_143(tmp_path: Path) -> None:
    recipe, data = write_recipe(tmp_path), write_images(tmp_path / "images", labelled=False)
    log = tmp_path / "run" / "log.jsonl"
    environment = {**os.environ, "EDGESSL_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    command = [
        sys.executable, "-m", "edgessl", "recipe", str(recipe), "--data", str(data),
        "--out", str(log.parent), "--device", "cpu", "--epochs", "1000",
        *(part for setting in ENGINE for part in ("--set", setting)),
    ]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 60
        while not log.is_file() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + 15, told
    assert told.startswith("error: stopped in pretrain at step ")
    assert told.rstrip().endswith("the same command goes on from there")
    assert len(list((log.parent / "state").glob("?.pt"))) == 2  # from the start and the stop


WAITING = """
import time, typer
from edgessl.cli import main
program = typer.Typer()
@program.command()
def wait() -> None:
    print("ready", flush=True)
    time.sleep(60)
main(program)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_outside_training_ends_with_its_number_and_one_line(
    number: signal.Signals,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert told == "error: interrupted; the same command goes on from there\n"
