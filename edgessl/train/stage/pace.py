"""How fast a stage runs: measured at log lines, so that a GPU never waits for the clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Literal

from edgessl.train import StepRecord
from edgessl.train.loop.stopwatch import COMPUTE, PARTS
from edgessl.train.stage.meter import Meter

_RECENT = 50  # log lines that the shown rate is averaged over, at most
_RECENT_S = 60.0  # and seconds


class Pace:
    """Adds up the time of a stage.

    Args:
        meter: What earlier parts of the stage took; counted up in place.
    """

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.lines = 0
        self._recent: deque[tuple[float, float, int]] = deque(maxlen=_RECENT)
        self._pending: list[StepRecord] = []
        self._images = 0
        self._began = perf_counter()

    def add(self, record: StepRecord, images: int) -> None:
        """Note a step; its time is looked at when the pace is settled."""
        self._pending.append(record)
        self._images += images

    def settle(self) -> None:
        """Count the noted steps. On a GPU this waits for the last of them."""
        if not self._pending:
            return
        parts: dict[str, float] = dict.fromkeys(PARTS, 0.0)
        for record in self._pending:
            for part, spent in record.watch.seconds().items():
                parts[part] += spent
        now = perf_counter()
        seconds = now - self._began
        self.meter.add(seconds, parts, self._images)
        self.lines += 1
        if self.lines == 2:
            self._recent.clear()  # oneDNN's first steps are slow and would spoil the shown rate
        self._recent.append((seconds, sum(parts[part] for part in COMPUTE), self._images))
        while len(self._recent) > 1 and sum(entry[0] for entry in self._recent) > _RECENT_S:
            self._recent.popleft()
        self._pending.clear()
        self._images = 0
        self._began = now

    @contextmanager
    def aside(self, what: Literal["monitor", "save"]) -> Iterator[None]:
        """Count the time inside as the monitor's or as saving, not as a step's."""
        self.settle()
        began = perf_counter()
        yield
        spent = perf_counter() - began
        if what == "monitor":
            self.meter.monitor_seconds += spent
        else:
            self.meter.save_seconds += spent
        self._began = perf_counter()

    def facts(self) -> dict[str, float]:
        """Return the rate of the last minute: images/s, and the share of time that data took."""
        seconds = sum(entry[0] for entry in self._recent)
        if not seconds:
            return {"images_per_s": 0.0, "data_share": 0.0}
        compute = sum(entry[1] for entry in self._recent)
        return {
            "images_per_s": round(sum(entry[2] for entry in self._recent) / seconds, 2),
            "data_share": round(max(0.0, 1.0 - compute / seconds), 4),
        }
