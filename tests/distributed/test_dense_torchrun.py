"""``torchrun`` of a detector: one story that any number of processes goes on with.

All slow: several whole runs. Last run 2026-11-27 on two busy cores: passed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from dense.tiny_boxes import write_voc

pytestmark = pytest.mark.slow

SMALL = (
    "backbone.name=\"timm:test_efficientnet\"", "image.input_px=64", "train.batch_size=4",
    "detector.width=16", "detector.strides=[8,16]", "train.optim.lr=0.0001",
)  # fmt: skip


STOPS = """
import os, signal
from edgessl.train.stage.state import StageState
save = StageState.save
def saves(self, step):
    save(self, step)
    if step == 6:
        os.kill(os.getpid(), signal.SIGTERM)
StageState.save = saves
StageState.due = lambda self, epoch_ended: True
"""


def _run(
    data: Path, out: Path, processes: int, epochs: int, path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    program = ["edgessl", "recipe", "ssdlite-mobilenetv2", "--data", str(data), "--out", str(out),
               "--device", "cpu", "--epochs", str(epochs)]  # fmt: skip
    for one in SMALL:
        program += ["--set", one]
    command = [sys.executable, "-m", *program]
    if processes > 1:
        torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        command = [sys.executable, "-m", *torchrun, "-m", *program]
    environment = {**os.environ, "EDGESSL_CACHE": str(data.parent / "cache"),
                   "OMP_NUM_THREADS": "1"}  # fmt: skip
    if path is not None:
        environment["PYTHONPATH"] = f"{path}:{os.environ.get('PYTHONPATH', '')}"
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def _losses(out: Path) -> list[float]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def test_two_processes_do_what_one_does_and_speak_once(tmp_path: Path) -> None:
    data = write_voc(tmp_path / "voc", count=24)
    for processes, name in ((1, "one"), (2, "two")):
        done = _run(data, tmp_path / name, processes, 2)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("report:") == 1
    assert _losses(tmp_path / "two") == pytest.approx(_losses(tmp_path / "one"), rel=1e-3)
    report = json.loads((tmp_path / "two/report.json").read_text())
    assert report["scores"]["ap50"]["n"] == 6


def test_a_stopped_run_goes_on_with_another_number_of_processes(tmp_path: Path) -> None:
    data, out = write_voc(tmp_path / "voc", count=24), tmp_path / "out"
    whole = _run(data, tmp_path / "whole", 1, 4)
    assert whole.returncode == 0, whole.stderr
    # Stopped by a signal after the sixth step, which is saved.
    (tmp_path / "sitecustomize.py").write_text(STOPS)
    stopped = _run(data, out, 2, 4, path=tmp_path)
    assert stopped.returncode != 0
    assert stopped.stderr.count("error: stopped in detect at step ") == 1, stopped.stderr
    done = _run(data, out, 1, 4)
    assert done.returncode == 0, done.stderr
    assert "Going on with detect from step " in done.stdout
    assert _losses(out) == pytest.approx(_losses(tmp_path / "whole"), rel=1e-2)


def test_what_several_processes_cannot_share_is_refused_once(tmp_path: Path) -> None:
    data = write_voc(tmp_path / "voc", count=24)
    done = _run(data, tmp_path / "out", 3, 2)
    assert done.stderr.count("train.batch_size: must be divisible by 3 processes, got 4") == 1
    assert not (tmp_path / "out").exists()
