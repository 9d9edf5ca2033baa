"""What the processor did meanwhile, for others than this measurement."""

from __future__ import annotations

import os
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

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
