"""Says when other processes compute on the cores that a run is about to use, and what helps."""

from __future__ import annotations

import time
from collections.abc import Callable

from edgessl.bench.measure.in_turns import ProcessorTime, processor_time

WATCHED_S = 0.4
LEAST_CORES = 0.6
"""Cores that others must use to be worth a word: a short burst of one process uses less."""


def busy_cores(
    read: Callable[[], ProcessorTime | None] = processor_time,
    wait: Callable[[float], None] = time.sleep,
) -> float:
    """Watch for a moment how many of this process's cores others use; 0 where nothing tells.

    This process sleeps meanwhile, so that all work is that of others.

    Args:
        read: Reads the system's counters.
        wait: Waits for some seconds.
    """
    before = read()
    if before is None:
        return 0.0
    wait(WATCHED_S)
    after = read()
    if after is None or after.total_s <= before.total_s:
        return 0.0
    taken = after.busy_s + after.steal_s - before.busy_s - before.steal_s
    return before.cores * taken / (after.total_s - before.total_s)


def about_neighbours(threads: int, busy: float) -> str:
    """Say which number of threads trains faster beside other processes; empty if this one.

    Threads of one step wait for each other: one that shares its core holds up all. The number is
    never changed by itself, for the last bits of a run's weights depend on it, and a run that was
    stopped must go on to the same ones.

    Args:
        threads: That the run computes with.
        busy: Cores that others use, of as many.
    """
    left = max(1, round(threads - busy))
    if busy < LEAST_CORES or left >= threads:
        return ""
    word = "thread" if left == 1 else "threads"
    return (
        f"Other processes use {busy:.1f} of the {threads} cores. Beside them {left} {word} may "
        f"train faster than {threads}, which wait for each other: end them, or start with "
        f"OMP_NUM_THREADS={left} (another number of threads changes the last bits of the weights)."
    )
