"""How much memory this process may still take: what the machine has, and what its group may use."""

from __future__ import annotations

import os
from pathlib import Path


def available_ram_bytes(root: Path = Path("/")) -> int:
    """Return the bytes that can be allocated without swapping or being killed.

    The least of what the kernel says is available and what each control group (a container, a batch
    job) that holds this process has left; file pages count as left, since the kernel drops them.

    Args:
        root: Where ``proc`` and ``sys`` are mounted.
    """
    found = [_meminfo(root), *_version_2(root), *_version_1(root)]
    return max(0, min(value for value in found if value is not None))


def _meminfo(root: Path) -> int:
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    # No such file on macOS: half of the memory is a guess.
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _version_2(root: Path) -> list[int | None]:
    mount = root / "sys/fs/cgroup"
    return [_left(one, "memory.max", "memory.current") for one in _groups(root, mount, "0::")]


def _version_1(root: Path) -> list[int | None]:
    mount = root / "sys/fs/cgroup/memory"
    files = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    return [_left(one, *files) for one in _groups(root, mount, ":memory:")]


def _groups(root: Path, mount: Path, mark: str) -> list[Path]:
    """Return the folders of this process's group and of the groups around it."""
    own = mount
    for line in _read(root / "proc/self/cgroup").splitlines():
        if mark in line:
            own = mount / line.split(mark, 1)[1].lstrip("/")
    return [path for path in (own, *own.parents) if path.is_relative_to(mount)]


def _left(folder: Path, limit_file: str, usage_file: str) -> int | None:
    limit, usage = _read(folder / limit_file).strip(), _read(folder / usage_file).strip()
    if not limit.isdigit() or not usage.isdigit():  # "max", or no such file
        return None
    pages = dict(line.split() for line in _read(folder / "memory.stat").splitlines())
    prefix = "total_" if "total_active_file" in pages else ""  # version 1: with inner groups
    droppable = sum(int(pages.get(f"{prefix}{name}_file", 0)) for name in ("inactive", "active"))
    return int(limit) - int(usage) + droppable


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
