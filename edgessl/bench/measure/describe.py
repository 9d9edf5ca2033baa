"""Describes the machine a latency was measured on: a number without it says nothing."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edgessl.cores import affinity_cores, cgroup_quota, usable_cores

FLAGS = (
    "sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8",
    "amx_bf16", "asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve",
)
"""CPU features that onnxruntime's kernels choose by."""

_PACKAGES = (
    "onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml", "torch",
    "numpy",
)


def describe_device() -> dict[str, Any]:
    """Return processor, cores, governor, load, system and versions as plain values."""
    info = _cpuinfo()
    present = (info.get("flags") or info.get("Features") or "").split()
    return {
        "cpu": info.get("model name") or _cpu_name(),
        "board": (_read("/proc/device-tree/model") or "").rstrip("\0") or None,
        "machine": platform.machine(),
        "flags": [flag for flag in FLAGS if flag in present],
        "cores": os.cpu_count(),
        "cores_affinity": affinity_cores(),
        "cores_quota": cgroup_quota(),
        "cores_usable": usable_cores(),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "frequency_max_mhz": _frequency_mhz(),
        "memory_mb": _memory_mb(),
        "load_1min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def _cpuinfo() -> dict[str, str]:
    """Return the first processor's entries of Linux's /proc/cpuinfo."""
    first = (_read("/proc/cpuinfo") or "").split("\n\n")[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _cpu_name() -> str:
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.stdout.strip():
            return done.stdout.strip()
    return platform.processor() or platform.machine()


def _frequency_mhz() -> float | None:
    text = _read("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")
    return int(text) / 1000 if text and text.isdigit() else None


def _memory_mb() -> float | None:
    first = (_read("/proc/meminfo") or "").split("\n", 1)[0].split()
    return int(first[1]) * 1024 / 1e6 if len(first) == 3 else None


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
