"""How much memory this process takes, and took at most."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident_mb(status: Path = _STATUS) -> float | None:
    """Return the resident memory now, in MB; None where the system does not say (off Linux).

    Args:
        status: What Linux says of the process.
    """
    return _entry(status, "VmRSS")


def peak_mb(status: Path = _STATUS) -> float | None:
    """Return the largest resident memory so far, in MB; None where the system does not say.

    Args:
        status: What Linux says of the process.
    """
    # Not ru_maxrss on Linux: a child inherits its parent's peak there.
    found = _entry(status, "VmHWM")
    return _peak_of_usage() if found is None else found


def _entry(status: Path, key: str) -> float | None:
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith(key + ":")), None)
    return int(found.split()[1]) * 1024 / 1e6 if found else None  # "kB" there are KiB


def _peak_of_usage() -> float | None:
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6  # bytes there, else KiB
