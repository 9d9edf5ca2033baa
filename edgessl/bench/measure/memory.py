"""Resident memory of this process."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def rss_mb() -> float | None:
    """Return the resident memory now, in MB; None where the system does not say (off Linux)."""
    return _status("VmRSS")


def peak_rss_mb() -> float | None:
    """Return the largest resident memory so far, in MB; None on Windows."""
    # Not ru_maxrss on Linux: a child inherits its parent's peak there.
    if _STATUS.is_file():
        return _status("VmHWM")
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def _status(key: str) -> float | None:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith(key + ":")), None)
    return int(found.split()[1]) * 1024 / 1e6 if found else None
