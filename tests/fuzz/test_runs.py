"""Damaged run folders: a run goes on to the result it would have had, or says what is wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import torch
from archives import CHECKPOINT, NPZ
from campaign import Target
from documents import JSON, LINES, TOML
from mutations import BYTES
from pipeline.stories import run_recipe
from pipeline.tiny_run import ENGINE, Listener, request
from rule import command, function
from seeds import part_of

from edgessl import checkpoint

Hold = Callable[[Target], None]

_RUN = ("run.json", "report.json", "log.jsonl", "recipe.toml", "views.npz", "timing.jsonl")


def _go_on(run: str) -> Callable[[Path], str]:
    def go_on(folder: Path) -> str:
        wanted = request(folder / "tiny.toml", folder / "images", folder / run)
        report = run_recipe(wanted, Listener())
        weights = checkpoint.load(folder / run / "ckpt.pt")["weights"]
        hasher = hashlib.sha256()
        for key in sorted(weights):
            hasher.update(weights[key].contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        return "scores " + json.dumps(report["scores"]) + hasher.hexdigest()

    return go_on


def test_damaged_states_end_in_the_same_weights(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "tiny.toml", "images", "stopped")
    hold(Target(
        "state-bytes", folder, {"stopped/state/a.pt": BYTES, "stopped/state/b.pt": BYTES},
        function(_go_on("stopped")), count=3, same=True, writes=("stopped",),
    ))  # fmt: skip


def test_rewritten_states(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "tiny.toml", "images", "stopped")
    damaged = {"stopped/state/a.pt": CHECKPOINT, "stopped/state/b.pt": CHECKPOINT}
    hold(Target("state-rewritten", folder, damaged, function(_go_on("stopped")), count=3,
                codes=(3,), writes=("stopped",)))  # fmt: skip


def test_the_memory_of_a_stopped_run(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "tiny.toml", "images", "stopped")
    damaged = {"stopped/run.json": (*JSON, *BYTES), "stopped/log.jsonl": (*LINES * 20, *BYTES),
               "stopped/timing.jsonl": LINES}  # fmt: skip
    hold(Target("run-stopped", folder, damaged, function(_go_on("stopped")), count=3,
                writes=("stopped",)))  # fmt: skip


def test_the_memory_of_a_finished_run(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "tiny.toml", "images", "run")
    again = command("recipe", "{}/tiny.toml", "--data", "{}/images", "--out", "{}/run", "--device",
                    "cpu", "--baselines", "none", *(f"--set={value}" for value in ENGINE))
    damaged = {"run/run.json": (*JSON * 6, *BYTES), "run/report.json": (*JSON, *BYTES)}
    hold(Target("run-finished", folder, damaged, again, count=4, writes=("run",)))


def test_the_weights_of_a_finished_run(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "tiny.toml", "images", "run")
    names = ("run/pretrained.pt", "run/ckpt.pt", "run/state/pretrain-end.pt")
    hold(Target("run-weights", folder, dict.fromkeys(names, CHECKPOINT), function(_go_on("run")),
                count=4, writes=("run",)))  # fmt: skip


def test_a_report(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", *(f"run/{name}" for name in _RUN))
    damaged = {"run.json": (*JSON * 3, *BYTES), "report.json": (*JSON * 6, *BYTES),
               "log.jsonl": (*LINES * 20, *BYTES), "views.npz": NPZ,
               "recipe.toml": (*TOML * 8, *BYTES), "timing.jsonl": LINES}  # fmt: skip
    hold(Target("report", folder, damaged, command("report", "{}"), count=46,
                writes=("report.html",)))  # fmt: skip
