"""Measure models in turns, each in processes of its own, and watch who else computes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence, Set
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from edgessl.bench.compare.latency import Latency, is_stable
from edgessl.bench.compare.noise import Noise, drift_percent, grade_noise
from edgessl.bench.compare.ratio import ratio_of_turns
from edgessl.bench.measure.device import Device
from edgessl.bench.measure.opened import How
from edgessl.bench.measure.process import Worker
from edgessl.cores import usable_cores

_STAT = Path("/proc/stat")


@dataclass(frozen=True, slots=True)
class ProcessorTime:
    """Seconds since the machine started, summed over some of its cores.

    Attributes:
        cores: How many.
        busy_s: Spent working, for anyone.
        steal_s: Taken by the hypervisor.
        total_s: All of it.
    """

    cores: int
    busy_s: float
    steal_s: float
    total_s: float


def processor_time() -> ProcessorTime | None:
    """Read the system's counters; None where there are none (off Linux).

    They count for the whole host, a container's quota notwithstanding. Summed are the cores that
    this process may be scheduled on: what others do on the rest takes nothing from it.
    """
    try:
        text = _STAT.read_text()
        return _summed(text, os.sched_getaffinity(0), os.sysconf("SC_CLK_TCK"))
    except (AttributeError, OSError, ValueError):
        return None


def _summed(text: str, allowed: Set[int], tick: int) -> ProcessorTime | None:
    """Sum ``/proc/stat`` over the allowed cores; over all of them where it numbers others."""
    by_core: dict[int, list[int]] = {}
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word.startswith("cpu") and word != "cpu":
            by_core[int(word[3:])] = [int(field) for field in rest.split()[:8]]
    summed = [by_core[core] for core in (allowed if allowed <= by_core.keys() else by_core)]
    if not summed or min(map(len, summed)) < 8:
        return None
    fields = [sum(values) for values in zip(*summed, strict=True)]
    idle = fields[3] + fields[4]  # idle and waiting for a disk
    total, steal = sum(fields), fields[7]
    return ProcessorTime(
        len(summed), (total - idle - steal) / tick, steal / tick, total / tick
    )  # fmt: skip


def foreign(
    before: ProcessorTime | None, after: ProcessorTime | None, wall_s: float, own_s: float
) -> tuple[float | None, float | None]:
    """Return what others took between two readings.

    Args:
        before: The first reading.
        after: The second.
        wall_s: Seconds between them.
        own_s: Processor seconds of the measurement's own processes.

    Returns:
        Cores that others kept busy, and the percent of the time that the hypervisor took.
    """
    if before is None or after is None or wall_s <= 0 or after.total_s <= before.total_s:
        return None, None
    cores = max(0.0, (after.busy_s - before.busy_s - own_s) / wall_s)
    steal = 100 * (after.steal_s - before.steal_s) / (after.total_s - before.total_s)
    return cores, steal


MIN_TURN_RUNS = 5
MAX_TURN_RUNS = 500
MANY_RUNS = 10_000
"""So many are enough of a model that takes microseconds, however short their time."""
MAX_WARMUP_RUNS = 300
MAX_WARMUP_MS = 15_000.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Models measured together.

    Attributes:
        models: Each one's latency, warm-up, load time, memory, cores obtained, and ``samples_ms``:
            launches of turns of runs.
        noise: How far the numbers can be trusted.
        control_samples_ms: Runs of the first model in a second process.
    """

    models: list[dict[str, Any]]
    noise: Noise
    control_samples_ms: list[list[list[float]]]


@dataclass(slots=True)
class _Record:
    """What one model has given so far; a value of each list for each launch."""

    turns: list[list[list[float]]] = field(default_factory=list)
    warmups: list[list[float]] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class _Machine:
    """What else the machine did while models were timed."""

    wall_s: float = 0.0
    foreign_s: float = 0.0
    steal_s: float = 0.0
    known: bool = True
    cores: int = 0

    def add(self, wall_s: float, cores: float | None, steal_percent: float | None) -> None:
        self.wall_s += wall_s
        if cores is None or steal_percent is None:
            self.known = False
        else:
            self.foreign_s += cores * wall_s
            self.steal_s += steal_percent * wall_s


def measure(
    paths: Sequence[Path],
    device: Device,
    *,
    threads: int,
    batch: int,
    trust: bool = False,
    say: Callable[[str], None] = lambda _line: None,
) -> list[dict[str, Any]]:
    """Measure models on the same threads and batch, each in its own process.

    Args:
        paths: Files of models.
        device: Provider, and how long to measure.
        threads: Threads inside an operator.
        batch: Images in a run.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.
        say: Called with the name of each step.

    Returns:
        For each model: its latency, warm-up, load time, memory and cores obtained.

    Raises:
        UserError: A model cannot be opened or run like this.
    """
    how = How(threads, batch, device.provider, device.options, trust)
    return _measure(paths, device, how, say)[0]


def measure_with_control(
    paths: Sequence[Path],
    device: Device,
    *,
    threads: int,
    batch: int,
    trust: bool = False,
    say: Callable[[str], None] = lambda _line: None,
) -> Measured:
    """Do the same with the first model twice: what the two differ by is noise.

    Args:
        paths: Files of models.
        device: Provider, and how long to measure.
        threads: Threads inside an operator.
        batch: Images in a run.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.
        say: Called with the name of each step.

    Raises:
        UserError: A model cannot be opened or run like this.
    """
    how = How(threads, batch, device.provider, device.options, trust)
    rows, machine = _measure([*paths, paths[0]], device, how, say)
    models, again = rows[:-1], rows[-1]
    known = machine.known and machine.wall_s > 0
    noise = grade_noise(
        [row["samples_ms"] for row in models],
        ratio_of_turns(again["samples_ms"], models[0]["samples_ms"]),
        threads=threads, cores=machine.cores or usable_cores(),
        foreign_cores=machine.foreign_s / machine.wall_s if known else None,
        steal_percent=machine.steal_s / machine.wall_s if known else None,
    )  # fmt: skip
    return Measured(models, noise, again["samples_ms"])


def start_order(count: int, launch: int) -> list[int]:
    """Return the order in which a launch starts the processes: forwards and backwards in turn.

    The process that starts first gets the memory in the smallest pieces and stays slower for its
    life: by 20 % than the fourth, with one and the same MobileNetV2 (bench/LOG.md, "Start order").

    Args:
        count: Processes.
        launch: Number of the launch, from 0.
    """
    order = list(range(count))
    return order[::-1] if launch % 2 else order


def _measure(
    paths: Sequence[Path], device: Device, how: How, say: Callable[[str], None]
) -> tuple[list[dict[str, Any]], _Machine]:
    records, machine = [_Record() for _ in paths], _Machine()
    what = f"{len(paths)} process(es), {how.threads} thread(s), batch {how.batch}"
    for launch in range(device.launches):
        say(f"timing {what}, launch {launch + 1} of {device.launches}")
        with ExitStack() as stack:
            started = {
                index: stack.enter_context(Worker(paths[index], how))
                for index in start_order(len(paths), launch)
            }
            workers = [started[index] for index in range(len(paths))]
            for worker, record in zip(workers, records, strict=True):
                record.warmups.append(_warm_up(worker))
            _take_turns(workers, records, device, machine)
            for worker, record in zip(workers, records, strict=True):
                record.reports.append(worker.report())
    return [_summary(record, how.threads, how.batch) for record in records], machine


def _warm_up(worker: Worker) -> list[float]:
    runs_ms: list[float] = []
    while not is_stable(runs_ms):
        if len(runs_ms) >= MAX_WARMUP_RUNS or sum(runs_ms) >= MAX_WARMUP_MS:
            break
        runs_ms += worker.run(MIN_TURN_RUNS)
    return runs_ms


def _take_turns(
    workers: Sequence[Worker], records: Sequence[_Record], device: Device, machine: _Machine
) -> None:
    """Let the models take turns, forwards and backwards, until each has enough of this launch."""
    lengths = _turn_runs([record.warmups[-1] for record in records], device.turn_ms)
    for record in records:
        record.turns.append([])
    order = list(range(len(workers)))
    before, start = processor_time(), time.perf_counter()
    own_before = sum(_cpu_s(worker) for worker in workers) + time.process_time()
    while not all(_enough(record.turns[-1], device) for record in records):
        for index in order:
            records[index].turns[-1].append(workers[index].run(lengths[index]))
        order.reverse()  # A B, B A: a drift of the machine cancels out
    wall_s = time.perf_counter() - start
    after = processor_time()
    own_s = sum(_cpu_s(worker) for worker in workers) + time.process_time() - own_before
    machine.cores = before.cores if before else 0
    machine.add(wall_s, *foreign(before, after, wall_s, own_s))


def _cpu_s(worker: Worker) -> float:
    return float(worker.report()["process_s"])


def _turn_runs(warmups: Sequence[Sequence[float]], turn_ms: float) -> list[int]:
    """Return how many runs each model's turn takes, so that all turns last about as long."""
    medians = [float(np.median(warmup[-MIN_TURN_RUNS:])) for warmup in warmups]
    longest_ms = max(turn_ms, MIN_TURN_RUNS * max(medians)) if turn_ms else 0.0
    wanted = (ceil(longest_ms / median) for median in medians)
    return [min(MAX_TURN_RUNS, max(MIN_TURN_RUNS, runs)) for runs in wanted]


def _enough(turns: Sequence[Sequence[float]], device: Device) -> bool:
    seconds = sum(map(sum, turns)) / 1000 * device.launches
    if seconds >= device.max_seconds:
        return True
    runs = sum(map(len, turns)) * device.launches
    return runs >= device.min_runs and (seconds >= device.min_seconds or runs >= MANY_RUNS)


def _summary(record: _Record, threads: int, batch: int) -> dict[str, Any]:
    values = ("load_ms", "first_run_ms", "cores_obtained", "rss_before_load_mb", "rss_loaded_mb")
    last = record.reports[-1]
    peaks = [report["peak_rss_mb"] for report in record.reports]
    return {
        "threads": threads,
        "batch": batch,
        **asdict(Latency.from_turns(record.turns, batch)),
        "drift_percent": drift_percent(record.turns),
        "warmup_runs": max(map(len, record.warmups)),
        "warmup_stable": all(map(is_stable, record.warmups)),
        **{key: _median([report[key] for report in record.reports]) for key in values},
        "peak_rss_mb": None if None in peaks else max(peaks),
        **{key: last[key] for key in ("runtime", "input", "torch_loaded", "metadata")},
        **{key: last[key] for key in ("version", "computes") if key in last},
        "loads_ms": [report["load_ms"] for report in record.reports],
        "first_runs_ms": [report["first_run_ms"] for report in record.reports],
        "samples_ms": [[[round(run, 4) for run in turn] for turn in launch]
                       for launch in record.turns],
    }  # fmt: skip


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if len(known) == len(values) else None
