"""What the processor did meanwhile, for others than this measurement."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_STAT = Path("/proc/stat")


@dataclass(frozen=True, slots=True)
class ProcessorTime:
    """Seconds since the machine started, summed over its cores.

    Attributes:
        busy_s: Spent working, for anyone.
        steal_s: Taken by the hypervisor.
        total_s: All of it.
    """

    busy_s: float
    steal_s: float
    total_s: float


def processor_time() -> ProcessorTime | None:
    """Read the system's counters; None where there are none (off Linux)."""
    try:
        fields = [int(field) for field in _STAT.read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    if len(fields) < 8:
        return None
    tick = os.sysconf("SC_CLK_TCK")
    idle = fields[3] + fields[4]  # idle and waiting for a disk
    total, steal = sum(fields), fields[7]
    return ProcessorTime((total - idle - steal) / tick, steal / tick, total / tick)


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
