"""How many CPU cores this process may really use."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path


def affinity_cores() -> int:
    """Return the number of logical cores this process may be scheduled on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cgroup_quota() -> float | None:
    """Return the container's CPU quota in cores; None where there is no limit."""
    version2 = Path("/sys/fs/cgroup/cpu.max")
    folder = Path("/sys/fs/cgroup/cpu")
    try:
        if version2.is_file():
            quota, period = version2.read_text().split()
            return None if quota == "max" else int(quota) / int(period)
        micros = int((folder / "cpu.cfs_quota_us").read_text())
        return None if micros <= 0 else micros / int((folder / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None


def usable_cores() -> int:
    """Return the cores to plan for: affinity, cut down to the quota, at least one."""
    quota = cgroup_quota()
    return affinity_cores() if quota is None else max(1, min(affinity_cores(), ceil(quota)))
