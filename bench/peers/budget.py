"""The minutes of a contender of ``quality.py``: wall time, or CPU time of its whole process group.

CPU time does not depend on who else computes on the machine. Linux only. Needs nothing but Python,
so that it runs in the environment of any library.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter

from turns import group_cpu_s

CLOCKS: dict[str, Callable[[], float]] = {"wall": perf_counter, "cpu": group_cpu_s}
"""What a second is, by the word on the command line."""

_PROBE_IMAGES, _LEAST_STEPS = 192, 3


@dataclass(frozen=True, slots=True)
class Spent:
    """What a loop took.

    Attributes:
        steps: Optimiser steps.
        images: Images in them; every view of an image is part of it.
        setup_s: Seconds of the clock from the call of the library to the end of the first step.
        step_s: Seconds of a later step, on average.
        clock_s: Seconds of the clock, all in all.
        wall_s: Seconds on the wall.
        cpu_s: Seconds of CPU.
        cut: Whether it was stopped before the end of its schedule.
    """

    steps: int
    images: int
    setup_s: float
    step_s: float
    clock_s: float
    wall_s: float
    cpu_s: float
    cut: bool

    def to_dict(self) -> dict[str, float]:
        """Return plain values."""
        return asdict(self)


class Budget:
    """Counts steps and seconds, and says when to stop. It starts when it is made.

    Args:
        clock: A key of ``CLOCKS``.
        batch: Images in a step.
        seconds: After which to stop; None for a look at the rate, which a few steps are enough for.
    """

    def __init__(self, clock: str, batch: int, seconds: float | None) -> None:
        self._now, self._batch, self._seconds = CLOCKS[clock], batch, seconds
        self._began, self._wall_began, self._cpu_began = self._now(), perf_counter(), group_cpu_s()
        self._most = max(_LEAST_STEPS, 1 + _PROBE_IMAGES // batch) if seconds is None else None
        self._steps, self._first = 0, 0.0
        self._cut = False

    def after_step(self) -> bool:
        """Count an optimiser step; return whether it was the last one."""
        self._steps += 1
        if self._steps == 1:
            self._first = self._elapsed
        if self._most is not None:
            return self._steps >= self._most
        self._cut = self._seconds is not None and self._elapsed >= self._seconds
        return self._cut

    def spent(self) -> Spent:
        """Return what was taken so far."""
        later = max(1, self._steps - 1)
        return Spent(
            self._steps, self._steps * self._batch, self._first,
            (self._elapsed - self._first) / later, self._elapsed,
            perf_counter() - self._wall_began, group_cpu_s() - self._cpu_began, self._cut,
        )  # fmt: skip

    @property
    def _elapsed(self) -> float:
        return self._now() - self._began
