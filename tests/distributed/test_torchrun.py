"""``torchrun -m edgessl recipe``: one story, told once, that any number of processes goes on with.

All slow: several whole runs. Last run 2026-11-21 on two busy cores.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pipeline.tiny_run import write_images, write_recipe

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images and the tiny recipe."""
    root = tmp_path_factory.mktemp("torchrun")
    write_images(root / "images")
    write_recipe(root)
    return root


def _start(place: Path, processes: int, out: str, *more: str) -> subprocess.Popen[str]:
    program = ["edgessl", "recipe", str(place / "tiny.toml"), "--data", str(place / "images"),
               "--out", str(place / out), "--device", "cpu", "--baselines", "none", *more]
    command = [sys.executable, "-m", *program]
    if processes > 1:
        torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        command = [sys.executable, "-m", *torchrun, "-m", *program]
    environment = {
        **os.environ, "EDGESSL_CACHE": str(place / "cache"), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _log(place: Path, out: str) -> list[dict[str, Any]]:
    path = place / out / "log.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True)
            if line.endswith("\n")]


def _losses(place: Path, out: str, stage: str) -> list[float]:
    return [entry["loss"] for entry in _log(place, out)
            if entry["stage"] == stage and "loss" in entry]


def _wait_for_lines(place: Path, out: str, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 200
    while len(_log(place, out)) < count and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _workers(process: subprocess.Popen[str]) -> dict[int, int]:
    """Return the process id of every rank."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    found = {}
    for child in children:
        pairs = Path(f"/proc/{child}/environ").read_text().split("\0")
        ranks = [pair.removeprefix("RANK=") for pair in pairs if pair.startswith("RANK=")]
        if ranks:
            found[int(ranks[0])] = int(child)
    return found


def _finish(process: subprocess.Popen[str], timeout: float = 300) -> tuple[str, str]:
    out, told = process.communicate(timeout=timeout)
    return out, told


def test_two_processes_do_what_one_does_and_speak_once(place: Path) -> None:
    one, two = _start(place, 1, "one"), None
    out_one, told = _finish(one)
    assert one.returncode == 0, told
    two = _start(place, 2, "two")
    out_two, told = _finish(two)
    assert two.returncode == 0, told
    for text in ("Scoring on test.", "report:", "next:"):
        assert out_one.count(text) == 1
        assert out_two.count(text) == 1
    ours, theirs = (_losses(place, out, "pretrain") for out in ("two", "one"))
    assert ours[:2] == pytest.approx(theirs[:2], rel=1e-3)  # steps after that are chaotic
    ours, theirs = (_log(place, out) for out in ("two", "one"))
    assert [(e["stage"], e["step"]) for e in ours] == [(e["stage"], e["step"]) for e in theirs]
    assert [e.get("lr") for e in ours] == [e.get("lr") for e in theirs]
    report = json.loads((place / "two" / "report.json").read_text())
    assert set(report["scores"]) == {"knn_top1", "linear_top1", "finetune_top1"}


def test_two_processes_train_in_stages_as_one_does(place: Path) -> None:
    stages = "[{epochs = 1, views_px = [16, 8]}, {epochs = 1, views_px = [32, 16]}]"
    more = ["--set", f"pretrain.stages={stages}"]
    # A faster rate makes the training itself chaotic, as does rounding to bf16.
    for setting in ("optim.lr=0.001", "optim.warmup_percent=0", "engine.precision=fp32"):
        more += ["--set", setting]
    for processes, out in ((1, "stages one"), (2, "stages two")):
        process = _start(place, processes, out, *more)
        _, told = _finish(process)
        assert process.returncode == 0, told
    ours, theirs = (_log(place, out) for out in ("stages two", "stages one"))
    assert [(e["stage"], e["step"]) for e in ours] == [(e["stage"], e["step"]) for e in theirs]
    ours, theirs = ([entry for entry in log if "target_entropy" in entry] for log in (ours, theirs))
    assert [entry["stage"] for entry in ours] == ["pretrain-1"] * 2 + ["pretrain-2"] * 2
    for entry, other in zip(ours, theirs, strict=True):
        # The teacher, which is handed on too; the student of 8 images is chaotic after 3 steps.
        for key in ("target_entropy", "target_information"):
            assert entry[key] == pytest.approx(other[key], rel=1e-3)
    losses = ([entry["loss"] for entry in log[:3]] for log in (ours, theirs))
    assert next(losses) == pytest.approx(next(losses), rel=1e-3)


def test_a_stopped_run_goes_on_with_any_number_of_processes(place: Path) -> None:
    process = _start(place, 2, "stopped", "--epochs", "60")
    _wait_for_lines(place, "stopped", 5, process)
    process.send_signal(signal.SIGTERM)
    _, told = _finish(process, 60)
    assert process.returncode != 0
    assert told.count("error: stopped in pretrain at step ") == 1
    before = _losses(place, "stopped", "pretrain")

    for processes in (1, 2):  # both from the same state: the losses are the same
        process = _start(place, processes, "stopped", "--epochs", "60")
        _wait_for_lines(place, "stopped", len(_log(place, "stopped")) + 3, process)
        process.send_signal(signal.SIGTERM)
        out, told = _finish(process, 60)
        assert f"Going on with pretrain from step {len(before)}." in out, told
        after = _losses(place, "stopped", "pretrain")
        assert after[: len(before)] == before
        assert len(after) > len(before)
        before = after


@pytest.mark.parametrize("victim", [0, 1])
def test_when_a_process_dies_the_others_end_with_one_message(place: Path, victim: int) -> None:
    process = _start(place, 2, f"dead{victim}", "--epochs", "1000")
    _wait_for_lines(place, f"dead{victim}", 3, process)
    os.kill(_workers(process)[victim], signal.SIGKILL)
    began = time.monotonic()
    _, told = _finish(process, 60)
    assert time.monotonic() - began < 35
    assert process.returncode == 1
    assert told.count("error: another process of this run has ended, so this one ends too") == 1
    assert "Traceback" not in told.split("torch/distributed/elastic")[0]  # that one is torchrun's


def test_a_batch_that_cannot_be_divided_is_refused_once(place: Path) -> None:
    process = _start(place, 3, "odd")
    _, told = _finish(process)
    assert process.returncode == 1  # torchrun's
    assert told.count("pretrain.batch_size: must be divisible by 3 (3 processes, ") == 1
    assert "pass --set pretrain.batch_size=6" in told
    assert not (place / "odd").exists()
