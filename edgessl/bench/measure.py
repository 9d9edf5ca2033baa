"""Times several models in turns, so that whatever else the machine does hits all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgessl.bench.device_table import Device
from edgessl.bench.latency import Latency, is_stable
from edgessl.bench.process import Worker

BLOCK = 5  # runs before the next model's turn
MAX_WARMUP_RUNS = 300
MAX_WARMUP_MS = 15_000.0


def measure(
    paths: Sequence[Path],
    device: Device,
    *,
    threads: int,
    batch: int,
    say: Callable[[str], None] = lambda _line: None,
) -> list[dict[str, Any]]:
    """Measure models on the same threads and batch, each in its own process.

    Args:
        paths: ONNX files.
        device: Provider, and how long to measure.
        threads: Threads inside an operator.
        batch: Images in a run.
        say: Called with the name of each step.

    Returns:
        For each model: its latency, warm-up, load time, memory and cores obtained.

    Raises:
        UserError: A model cannot be opened or run like this.
    """
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                Worker(path, threads=threads, provider=device.provider, batch=batch)
            )
            for path in paths
        ]
        say(f"warming up {len(workers)} model(s), {threads} thread(s), batch {batch}")
        warmups = [_warm_up(worker) for worker in workers]
        say(f"timing {len(workers)} model(s), {threads} thread(s), batch {batch}")
        runs = _interleave(workers, device)
        return [
            _summary(worker, warmup, runs_ms, threads, batch)
            for worker, warmup, runs_ms in zip(workers, warmups, runs, strict=True)
        ]


def _warm_up(worker: Worker) -> list[float]:
    runs_ms: list[float] = []
    while not is_stable(runs_ms):
        if len(runs_ms) >= MAX_WARMUP_RUNS or sum(runs_ms) >= MAX_WARMUP_MS:
            break
        runs_ms += worker.run(BLOCK)
    return runs_ms


def _interleave(workers: Sequence[Worker], device: Device) -> list[list[float]]:
    """Let the models take turns of one block, forwards and backwards, until each has enough."""
    runs: list[list[float]] = [[] for _ in workers]
    order = list(range(len(workers)))
    while not all(_enough(runs_ms, device) for runs_ms in runs):
        for index in order:
            runs[index] += workers[index].run(BLOCK)
        order.reverse()  # A B, B A: a drift of the machine cancels out
    return runs


def _enough(runs_ms: Sequence[float], device: Device) -> bool:
    seconds = sum(runs_ms) / 1000
    if seconds >= device.max_seconds:
        return True
    return len(runs_ms) >= device.min_runs and seconds >= device.min_seconds


def _summary(
    worker: Worker, warmup: Sequence[float], runs_ms: Sequence[float], threads: int, batch: int
) -> dict[str, Any]:
    return {
        "threads": threads,
        "batch": batch,
        **asdict(Latency.from_runs(runs_ms, batch)),
        "warmup_runs": len(warmup),
        "warmup_stable": is_stable(warmup),
        **worker.report(),
    }
