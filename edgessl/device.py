"""The device a run trains on, and what it is called in words."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgessl.cores import THREADS, usable_cores
from edgessl.errors import UserError, nearest

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of mallopt, in glibc's malloc.h
_MMAP_THRESHOLD = 2**25  # the most that glibc's own rule would come to

NAMES = ("auto", "cpu", "cuda", "mps")


def pick_device(name: str) -> str:
    """Resolve ``auto`` to the best device there is, and keep torch to the cores there are.

    Args:
        name: One of ``NAMES``.

    Returns:
        ``"cpu"``, ``"cuda"`` or ``"mps"``.

    Raises:
        UserError: The name is unknown, or that device is not there.
    """
    import torch

    if name not in NAMES:
        raise UserError(
            f"--device: must be one of {', '.join(NAMES)}, got '{name}'{nearest(name, NAMES)}"
        )
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    keep_to_usable_cores()
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if there[device])
    if not there[name]:
        raise UserError(
            f"--device: {name} must be available to torch, found none; use --device cpu"
        )
    return name


def keep_to_usable_cores() -> None:
    """Lower torch's threads to the cores there are, where neither user nor torchrun said a number.

    Its own default does not know of a container's quota.
    """
    import torch

    if THREADS not in os.environ and torch.get_num_threads() > usable_cores():
        torch.set_num_threads(usable_cores())


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let the allocator keep what training steps free, where it is glibc's; return it at the end.

    By default glibc returns large blocks to the system, which then hands out, and clears, the same
    pages in every step: 5 to 20 % of the time of a step on a CPU.
    """
    libc = ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
    if libc is None:
        yield
        return
    for threshold in (2**30, _MMAP_THRESHOLD):  # older versions refuse more than 32 MiB
        if libc.mallopt(_M_MMAP_THRESHOLD, threshold):
            break
    libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD)
        libc.mallopt(_M_TRIM_THRESHOLD, 2 * _MMAP_THRESHOLD)
        libc.malloc_trim(0)


def describe_device(name: str) -> dict[str, Any]:
    """Describe a device for reports: name, cores or memory, versions."""
    import torch

    facts: dict[str, Any] = {
        "device": name,
        "cpu": _cpu_name(),
        "cores": usable_cores(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
    }
    if name == "cuda":
        facts["gpu"] = torch.cuda.get_device_name()
    return facts


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
