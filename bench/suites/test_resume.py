"""What it costs to save a run, and to go on with one that was killed."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

import torch
from conftest import PEERS
from contender import Contender
from contest import same_images
from loops import METHOD, OPTIM
from pytest_benchmark.fixture import BenchmarkFixture
from work import JUDGED

from edgessl.backbones import Backbone
from edgessl.methods.dino import Dino
from edgessl.optim import build_optimizer
from edgessl.runs.folder import RunFolder

READY_S = 300.0


def state() -> dict[str, object]:
    """Return what a state of MobileNetV2 with DINO holds: weights, teacher, momentum."""
    method = Dino(Backbone("mobilenetv2"), METHOD)
    optimizer = build_optimizer(method, OPTIM)
    for parameter in method.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return {
        "stage": "pretrain", "step": 1, "module": method.state_dict(),
        "optimizer": optimizer.state_dict(),
    }  # fmt: skip


def test_saving(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Writing a resumable state of MobileNetV2 with DINO, flushed to the disk."""
    run, payload = RunFolder(tmp_path / "run"), state()
    benchmark.pedantic(lambda: run.save_state(payload), rounds=6, warmup_rounds=1)
    size = max(file.stat().st_size for file in (tmp_path / "run" / "state").iterdir())
    benchmark.extra_info["size_mb"] = round(size / 1e6, 1)


def test_loading(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Reading that state back and checking it."""
    run = RunFolder(tmp_path / "run")
    run.save_state(state())
    found = benchmark.pedantic(
        lambda: run.load_states("pretrain", print), rounds=6, warmup_rounds=1
    )
    assert len(found) == 1


def first_step(images: Path, out: Path, log: Path) -> None:
    """Start a run in a process of its own, wait for its first step, and kill it."""
    command = [
        sys.executable, str(PEERS / "edgessl_contender.py"), "--data", str(images),
        "--work", JUDGED, "--out", str(out),
    ]  # fmt: skip
    with Contender("edgessl", command, {}, log) as run:
        run.wait_until_ready(READY_S)


def test_a_first_start(
    benchmark: BenchmarkFixture, clothing10: Path, cache: Path, tmp_path: Path
) -> None:
    """From `edgessl recipe` to the first step done on 3,247 files, nothing in the cache."""
    assert not cache.exists()
    with same_images(clothing10) as images:
        benchmark.pedantic(
            lambda: first_step(images, tmp_path / "out", tmp_path / "log"), rounds=1
        )


def test_a_new_run_on_packed_images(
    benchmark: BenchmarkFixture, clothing10: Path, cache: Path, tmp_path: Path
) -> None:
    """The same with files checked and packed by an earlier run, in a new run folder."""
    number = count()
    with same_images(clothing10) as images:
        first_step(images, tmp_path / "before", tmp_path / "log")
        benchmark.pedantic(
            lambda: first_step(images, tmp_path / str(next(number)), tmp_path / "log"), rounds=3
        )
    assert cache.exists()


def test_going_on_after_a_kill(
    benchmark: BenchmarkFixture, clothing10: Path, cache: Path, tmp_path: Path
) -> None:
    """The same command again after kill -9, to the next step done."""
    out = tmp_path / "out"
    with same_images(clothing10) as images:
        first_step(images, out, tmp_path / "log")
        benchmark.pedantic(lambda: first_step(images, out, tmp_path / "log"), rounds=3)
    assert cache.exists()
