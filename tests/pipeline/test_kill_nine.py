"""A run that is killed 25 times, in all its stages, ends as one that never was: bit for bit.

Identical are log.jsonl, views.npz and every network (as files), and report.json but for measured
time. The epochs of the baseline ``longer`` follow from measured time, so two runs differ in them by
nature: run.json records them, and the run that is compared with is given the same.

Last run: 26 November 2026, 2 shared cores, 25 kills (pretrain 7, warmup 3, finetune 2,
finetune_random 2, finetune_longer 2, evaluate 3, evaluate_random 2, evaluate_longer 2, report 2):
identical, in 3 minutes; earlier ones also hit start and views. ``EDGESSL_KILLS`` and
``EDGESSL_KILL_SEED`` change number and moments.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_run import write_recipe

KILLS = int(os.environ.get("EDGESSL_KILLS", "25"))
SEED = int(os.environ.get("EDGESSL_KILL_SEED", "0"))

# A state every half second, as a long run has one every minute.
PROGRAM = """
import sys
from edgessl.train.stage import state
state.SAVE_EVERY_S = state.SAVE_EPOCH_EVERY_S = 0.5
state.SAVE_SHARE = float("inf")
from edgessl.cli import main
sys.argv[0] = "edgessl"
main()
"""
PHASES = ("start", "views", "pretrain", "warmup", "finetune", "finetune_random",
          "finetune_longer", "evaluate", "evaluate_random", "evaluate_longer", "report",
          "end")  # fmt: skip
"""What run.json shows; images are checked in ``start`` and packed in ``views``."""

SETTINGS = ("pretrain.epochs=4", "finetune.epochs=3", "finetune.regrow.epochs=2",
            "pretrain.monitor_every_percent=25", "engine.precision=fp32",
            "engine.memory_format=contiguous")  # fmt: skip


def _write_images(folder: Path) -> None:
    """Write noise around one colour a class, 3 x 60 images of 160 x 120 px."""
    draw = np.random.default_rng(0)
    for number in range(3):
        (folder / f"class{number}").mkdir(parents=True)
        colour = draw.integers(60, 200, 3)
        for index in range(60):
            pixels = (colour + draw.integers(-50, 50, (120, 160, 3))).clip(0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"class{number}/{index}.png")


class Contender:
    """One run, with a cache of its own, so that it packs for itself.

    Args:
        root: Holds images and recipe.
        name: Folder that it runs in.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.place = root / name
        self.place.mkdir()
        self.run = self.place / "run"
        self._arguments = ["recipe", str(root / "tiny.toml"), "--data", str(root / "images"),
                           "--out", "run", "--device", "cpu"]  # fmt: skip
        for setting in SETTINGS:
            self._arguments += ["--set", setting]

    def start(self, baselines: str) -> subprocess.Popen[str]:
        """Start the command."""
        environment = {**os.environ, "EDGESSL_CACHE": str(self.place / "cache")}
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *self._arguments, "--baselines", baselines],
            cwd=self.place, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def document(self) -> dict[str, Any]:
        """Return run.json, if there is one yet."""
        path = self.run / "run.json"
        return dict(json.loads(path.read_text())) if path.is_file() else {}

    def phase(self) -> int:
        """Return the number of the phase under way."""
        finished = self.document().get("finished", {})
        done = [number for number, name in enumerate(PHASES) if name in finished]
        return max(done, default=0) + 1 if self.document() else 0


def _complete(contender: Contender, baselines: str) -> list[float]:
    """Run to the end undisturbed.

    Returns:
        Seconds of each phase.
    """
    seconds, before = [0.0] * len(PHASES), time.perf_counter()
    process = contender.start(baselines)
    while process.poll() is None:
        phase = contender.phase()
        now = time.perf_counter()
        seconds[min(phase, len(PHASES) - 1)] += now - before
        before = now
        time.sleep(0.005)
    output = process.communicate()[0]
    assert process.returncode == 0, output
    return seconds


def _kill_once(contender: Contender, target: int, delay_s: float) -> str:
    """Start the command, and kill it a while after a phase began.

    Returns:
        The phase it died in; empty if it was through before.
    """
    process = contender.start("random,longer")
    while process.poll() is None and contender.phase() < target:
        time.sleep(0.002)
    try:
        process.wait(delay_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    output = process.communicate()[0]
    assert process.returncode in (0, -signal.SIGKILL), output
    return "" if process.returncode == 0 else PHASES[min(contender.phase(), len(PHASES) - 1)]


def _timeless(report: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in report.items() if key != "throughput"}


@pytest.mark.slow
def test_kills_in_every_stage_leave_no_trace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write_images(tmp_path / "images")
    write_recipe(tmp_path)
    whole, killed = Contender(tmp_path, "whole"), Contender(tmp_path, "killed")
    seconds = _complete(whole, "random")

    draw = random.Random(SEED)
    # It had no longer baseline, so what follows the other one was counted in its place.
    for before, after in (("finetune", "evaluate"), ("evaluate", "report")):
        seconds[PHASES.index(after)] += seconds[PHASES.index(f"{before}_longer")]
        alike = seconds[PHASES.index(f"{before}_random")]
        seconds[PHASES.index(f"{before}_longer")] = alike
    hit: Counter[str] = Counter()
    began = time.perf_counter()
    for number in range(KILLS):
        target = number * (len(PHASES) - 1) // KILLS
        hit[_kill_once(killed, target, draw.uniform(0.0, seconds[target] + 0.05))] += 1
    _complete(killed, "random,longer")
    longer_epochs = killed.document()["longer_epochs"]

    document = whole.document()
    (whole.run / "run.json").write_text(json.dumps({**document, "longer_epochs": longer_epochs}))
    _complete(whole, "random,longer")
    with capsys.disabled():
        print(f"\n{hit.total() - hit['']} kills, {time.perf_counter() - began:.0f} s: {dict(hit)}")
        print(f"seconds of an undisturbed run: {dict(zip(PHASES, seconds, strict=True))}")

    for name in ("log.jsonl", "pretrained.pt", "ckpt.pt", "state/random.pt", "state/longer.pt",
                 "state/warmup.pt", "views.npz", "recipe.toml",
                 "backbone.safetensors"):  # fmt: skip
        assert (whole.run / name).read_bytes() == (killed.run / name).read_bytes(), name
    one, other = (json.loads((c.run / "report.json").read_text()) for c in (whole, killed))
    assert _timeless(one) == _timeless(other)
    assert not list(killed.run.rglob(".*.tmp"))
    assert len([phase for phase in hit if phase]) >= min(6, KILLS)
