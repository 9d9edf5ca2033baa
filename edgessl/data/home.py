"""Where packed images live while a run trains: GPU, RAM, disk, or their own files."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path
from typing import Literal

from edgessl.cores import own_groups, read_text
from edgessl.errors import UserError


def available_ram_bytes(root: Path = Path("/")) -> int:
    """Return the bytes that can be allocated without swapping or being killed.

    The least of what the kernel says is available and what each control group (a container, a batch
    job) that holds this process has left; file pages count as left, since the kernel drops them.

    Args:
        root: Where ``proc`` and ``sys`` are mounted.
    """
    found = [_meminfo(root), *_version_2(root), *_version_1(root)]
    return max(0, min(value for value in found if value is not None))


def free_swap_bytes(root: Path = Path("/")) -> int:
    """Return the bytes of swap that nothing is in; 0 where the kernel does not say.

    Args:
        root: Where ``proc`` is mounted.
    """
    for line in read_text(root / "proc/meminfo").splitlines():
        if line.startswith("SwapFree:"):
            return int(line.split()[1]) * 1024
    return 0


def _meminfo(root: Path) -> int:
    for line in read_text(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    # No such file on macOS: half of the memory is a guess.
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _version_2(root: Path) -> list[int | None]:
    return [_left(group, "memory.max", "memory.current") for group in own_groups(root)]


def _version_1(root: Path) -> list[int | None]:
    files = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    return [_left(group, *files) for group in own_groups(root, "memory")]


def _left(folder: Path, limit_file: str, usage_file: str) -> int | None:
    limit, usage = (read_text(folder / name).strip() for name in (limit_file, usage_file))
    if not limit.isdigit() or not usage.isdigit():  # "max", or no such file
        return None
    pages = dict(line.split() for line in read_text(folder / "memory.stat").splitlines())
    prefix = "total_" if "total_active_file" in pages else ""  # version 1: with inner groups
    droppable = sum(int(pages.get(f"{prefix}{name}_file", 0)) for name in ("inactive", "active"))
    return int(limit) - int(usage) + droppable


Home = Literal["gpu", "ram", "disk", "files"]
"""On the GPU; in RAM; in the pack on disk, memory-mapped; in the original files, streamed."""

GPU_SHARE = 0.25  # of free GPU memory: the network and its activations want the rest; not tuned
RAM_SHARE = 0.5  # of available RAM; not tuned
DISK_SHARE = 0.8  # of the free disk of the cache: a full one stops everything; not tuned
DEFAULT_LIMIT_GB = 200.0  # not tuned: beyond it a pack takes hours to make and is read from disk


def choose_home(
    pack_bytes: int, *, disk_bytes: int, ram_bytes: int, gpu_bytes: int | None, processes: int = 1
) -> Home:
    """Choose the fastest place that the pixels fit into.

    Args:
        pack_bytes: Size of the pack.
        disk_bytes: Largest pack that may be made; see ``pack_limit_bytes``.
        ram_bytes: Available RAM.
        gpu_bytes: Free memory of the GPU that trains; None without one.
        processes: Training processes on this machine, each with pixels of its own.
    """
    if pack_bytes > disk_bytes:
        return "files"
    if gpu_bytes is not None and pack_bytes <= GPU_SHARE * gpu_bytes:
        return "gpu"
    return "ram" if processes * pack_bytes <= RAM_SHARE * ram_bytes else "disk"


def pack_limit_bytes(cache: Path, there_bytes: int = 0) -> int:
    """Return the size of the largest pack that may be used.

    It is ``EDGESSL_PACK_LIMIT_GB`` (else ``DEFAULT_LIMIT_GB``), but no more than ``DISK_SHARE`` of
    the free disk, unless the pack is there already.

    Args:
        cache: The cache folder, which must exist.
        there_bytes: What is on the disk of this pack, finished or not.

    Raises:
        UserError: ``EDGESSL_PACK_LIMIT_GB`` is no number of at least 0.
    """
    text = os.environ.get("EDGESSL_PACK_LIMIT_GB", "")
    try:
        limit_gb = float(text) if text else DEFAULT_LIMIT_GB
    except ValueError:
        limit_gb = math.nan
    if not limit_gb >= 0:
        raise UserError(
            f"EDGESSL_PACK_LIMIT_GB: must be a number of at least 0, got '{text}'; unset it"
        )
    free_bytes = shutil.disk_usage(cache).free
    return int(min(limit_gb * 1e9, max(there_bytes, DISK_SHARE * (free_bytes + there_bytes))))


def local_processes() -> int:
    """Return how many processes torchrun started on this machine; 1 without it."""
    return max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def describe_home(home: Home, size_px: int, pack_bytes: int) -> str:
    """Tell where the pixels are in one sentence.

    Args:
        home: The choice.
        size_px: Side of the packed images.
        pack_bytes: Size of the pack, made or not.
    """
    size = f"{pack_bytes / 1e9:.1f} GB" if pack_bytes >= 1e9 else f"{pack_bytes / 1e6:.0f} MB"
    if home == "files":
        return (
            f"A pack ({size_px} px, {size}) is more than the cache may hold "
            "(EDGESSL_PACK_LIMIT_GB, free disk), so images are decoded anew in every epoch."
        )
    where = {
        "gpu": "kept on the GPU",
        "ram": "kept in RAM",
        "disk": "read from disk while training",
    }[home]
    return f"The pack (all images at {size_px} px, {size}) is {where}."
