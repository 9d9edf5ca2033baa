"""How many cores this process may use: count, affinity and the quota of its container."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from math import ceil
from pathlib import Path

ROOT = Path("/")
THREADS = "OMP_NUM_THREADS"
"""The variable that says how many threads PyTorch and numpy use, if their user wants to say."""
WAITING, SPIN = "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"
"""How threads of OpenMP wait, and how long GNU's spin before they sleep."""
SPIN_COUNT = "10000"


def own_groups(root: Path, controller: str = "") -> list[Path]:
    """Return the folders of this process's group and of the groups around it.

    A container sees only its own groups, mounted where all would be; a folder may be missing then.

    Args:
        root: Where ``proc`` and ``sys`` are mounted.
        controller: ``"cpu"`` or ``"memory"`` for version 1; empty for version 2.
    """
    mount = own = root / "sys/fs/cgroup" / controller
    for line in read_text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, place = rest.partition(":")
        if controller in controllers.split(","):
            own = mount / place.lstrip("/")
    return [path for path in (own, *own.parents) if path.is_relative_to(mount)]


def read_text(path: Path) -> str:
    """Return the content of a file; empty where it cannot be read."""
    try:
        return path.read_text()
    except OSError:
        return ""




def affinity_cores() -> int:
    """Return the number of logical cores this process may be scheduled on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cgroup_quota(root: Path = ROOT) -> float | None:
    """Return the CPU quota in cores; None where there is no limit.

    It is the least of what the control group of this process and those around it allow.

    Args:
        root: Where ``proc`` and ``sys`` are mounted.
    """
    version2 = [read_text(group / "cpu.max").split() for group in own_groups(root)]
    version1 = [
        [read_text(group / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
        for group in own_groups(root, "cpu")
    ]
    found = [_quota(words) for words in (*version2, *version1)]
    return min((quota for quota in found if quota is not None), default=None)


def _quota(words: list[str]) -> float | None:
    """Return microseconds of work over microseconds; none are "max" and -1."""
    if len(words) != 2 or not all(word.isdigit() and int(word) for word in words):
        return None
    return int(words[0]) / int(words[1])


def usable_cores(root: Path = ROOT) -> int:
    """Return the cores to plan for: affinity, cut down to the quota, at least one.

    Args:
        root: Where ``proc`` and ``sys`` are mounted.
    """
    quota = cgroup_quota(root)
    return affinity_cores() if quota is None else max(1, min(affinity_cores(), ceil(quota)))


def limit_threads(environment: MutableMapping[str, str], root: Path = ROOT) -> None:
    """Tell libraries that are not loaded yet, and child processes, of a quota and of neighbours.

    Their own default is the affinity: 64 threads on 2 cores' worth of time wait for each other. It
    stands where there is no quota. OpenMP's threads wait by spinning, which takes the core of the
    thread they wait for where another process computes too: they are told to spin briefly
    (bench/LOG.md: the same speed alone, four times as fast beside one busy process). What the user
    has said stands always.

    Args:
        environment: Where the number of threads is said, ``os.environ``.
        root: Where ``proc`` and ``sys`` are mounted.
    """
    if usable_cores(root) < affinity_cores():
        environment.setdefault(THREADS, str(usable_cores(root)))
    if WAITING not in environment:
        environment.setdefault(SPIN, SPIN_COUNT)
