"""Where the time of a step goes, without making a GPU wait."""

from __future__ import annotations

from time import perf_counter
from typing import Literal, cast

import torch

Part = Literal["data", "views", "forward_backward", "optimizer", "teacher"]

PARTS: tuple[Part, ...] = ("data", "views", "forward_backward", "optimizer", "teacher")
COMPUTE: tuple[Part, ...] = ("forward_backward", "optimizer", "teacher")
"""What would remain if ready views cost nothing; everything else counts as data."""


class Stopwatch:
    """Marks where parts of a step begin and end.

    On a GPU the marks are events on its own time line, because the CPU runs ahead of it: a part's
    time then includes waiting for the CPU.

    Args:
        device: Where the step runs.
    """

    def __init__(self, device: torch.device) -> None:
        self._gpu = device.type == "cuda"
        self._marks: list[tuple[Part, float | torch.cuda.Event]] = []
        self._start = self._now()

    def lap(self, part: Part) -> None:
        """End a part: the time since the last mark was its."""
        self._marks.append((part, self._now()))

    def seconds(self) -> dict[Part, float]:
        """Return the time of each part in seconds; on a GPU, wait until it is through with them."""
        found: dict[Part, float] = dict.fromkeys(PARTS, 0.0)
        before = self._start
        for part, mark in self._marks:
            found[part] += _between(before, mark)
            before = mark
        return found

    def _now(self) -> float | torch.cuda.Event:
        if not self._gpu:
            return perf_counter()
        event: torch.cuda.Event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event


def _between(before: float | torch.cuda.Event, after: float | torch.cuda.Event) -> float:
    if isinstance(after, float):
        return after - cast(float, before)
    after.synchronize()
    return float(cast(torch.cuda.Event, before).elapsed_time(after)) / 1000.0
