"""A contender's side of the turns: its loop waits here between them, and is timed in them.

The conductor writes ``go WARMUP COUNTED`` to the loop's standard input and gets one JSON line back
when as many steps are done: the wall time of the counted ones, and the CPU time of the whole
process group, data-loader workers included. Linux only. Needs nothing but Python, so that it runs
in the environment of any library.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any


def _nothing() -> None:
    pass


def _resident_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3  # Linux counts in kB


class Turns:
    """Lets a training loop run when it is its turn.

    What libraries print goes to standard error from here on; standard output is for answers.

    Args:
        wait_for_device: Returns when the device has done what it was given.
        peak_mb: Peak memory so far, in MB: of the device, or resident.
    """

    def __init__(
        self,
        wait_for_device: Callable[[], None] = _nothing,
        peak_mb: Callable[[], float] = _resident_mb,
    ) -> None:
        self._answers = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)
        self._wait_for_device, self._peak_mb = wait_for_device, peak_mb
        self._started = False
        self._done = self._warmup = self._counted = 0
        self._began = self._cpu_began = self._machine_began = 0.0

    def after_step(self, facts: Callable[[], dict[str, Any]] = dict) -> None:
        """Tell that an optimiser step is done; return when the next may start.

        Args:
            facts: Asked once, after the first step: what the conductor should know of the loop.
        """
        if not self._started:
            self._started = True
            self._answer({"ready": facts()})
            self._wait_for_turn()
            return
        self._done += 1
        if self._done == self._warmup:
            self._wait_for_device()
            self._machine_began = machine_busy_s()
            self._began, self._cpu_began = perf_counter(), group_cpu_s()
        elif self._done == self._warmup + self._counted:
            self._wait_for_device()
            wall_s, cpu_s = perf_counter() - self._began, group_cpu_s() - self._cpu_began
            others_s = machine_busy_s() - self._machine_began - cpu_s
            self._answer(
                {
                    "steps": self._counted,
                    "wall_s": wall_s,
                    "cpu_s": cpu_s,
                    "others_share": max(0.0, others_s) / wall_s / (os.cpu_count() or 1),
                    "peak_mb": self._peak_mb(),
                }
            )
            self._wait_for_turn()

    def _answer(self, document: dict[str, Any]) -> None:
        self._answers.write(json.dumps(document) + "\n")

    def _wait_for_turn(self) -> None:
        line = sys.stdin.readline().split()
        if not line or line[0] != "go":
            os._exit(0)  # workers end with it; the loop has nothing to tidy up
        self._done, self._warmup, self._counted = 0, int(line[1]), int(line[2])


def group_cpu_s() -> float:
    """Return the CPU time of this process group so far, ended workers included."""
    group, total = os.getpgid(0), 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile; its parent has its time
        if int(fields[2]) == group:
            total += sum(int(field) for field in fields[11:15])  # own and of waited-for children
    return total / os.sysconf("SC_CLK_TCK")


def machine_busy_s() -> float:
    """Return the time that all cores of the machine have been busy, in seconds."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, _steal = fields
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
