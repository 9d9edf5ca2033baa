"""One model without a pause for minutes: does the device slow down when it gets warm?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edgessl.bench.measure.device import Device
from edgessl.bench.measure.opened import How
from edgessl.bench.measure.process import Worker

WINDOWS = 30
LONGEST_WINDOW_S = 60.0
_FREQUENCY = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
_THERMAL = Path("/sys/class/thermal")


def sustain(
    path: Path,
    device: Device,
    *,
    threads: int,
    batch: int,
    seconds: float,
    trust: bool = False,
    say: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:
    """Run a model for some time and look at it in windows.

    Args:
        path: The model's file.
        device: What it runs on.
        threads: Threads inside an operator.
        batch: Images in a run.
        seconds: How long.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.
        say: Called now and then with how far it is.

    Returns:
        ``windows`` with ``end_s p50_ms worst_ms images_per_s``, and ``frequency_mhz`` and
        ``celsius`` where the system says; ``last_over_first``, the ratio of their medians.
    """
    length_s = min(LONGEST_WINDOW_S, seconds / WINDOWS)
    windows: list[dict[str, Any]] = []
    with Worker(path, How(threads, batch, device.provider, device.options, trust)) as worker:
        while len(windows) * length_s < seconds - 1e-6:
            say(f"{path.name}: {len(windows) * length_s:.0f} of {seconds:.0f} s without a pause")
            runs_ms = worker.sustain(length_s)
            windows.append(
                {
                    "end_s": (len(windows) + 1) * length_s,
                    "p50_ms": float(np.median(runs_ms)),
                    "worst_ms": max(runs_ms),
                    "images_per_s": 1000 * batch * len(runs_ms) / sum(runs_ms),
                    "frequency_mhz": _frequency_mhz(),
                    "celsius": _celsius(),
                }
            )
    return {
        "path": str(path), "name": path.name,
        "threads": threads, "batch": batch, "seconds": seconds,
        "windows": windows, "last_over_first": windows[-1]["p50_ms"] / windows[0]["p50_ms"],
    }  # fmt: skip


def _frequency_mhz() -> float | None:
    try:
        return int(_FREQUENCY.read_text()) / 1000
    except (OSError, ValueError):
        return None


def _celsius() -> float | None:
    """Return the hottest sensor's temperature."""
    found = []
    for sensor in _THERMAL.glob("thermal_zone*/temp"):
        try:
            found.append(int(sensor.read_text()) / 1000)
        except (OSError, ValueError):
            continue
    return max(found) if found else None
