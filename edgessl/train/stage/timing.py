"""Where the time of a stage goes: counted, logged, and told in a sentence."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal

from edgessl.train import StepRecord
from edgessl.train.loop.stopwatch import COMPUTE, PARTS


@dataclass(slots=True)
class Meter:
    """Wall time of a stage.

    Attributes:
        seconds: Time in steps, everything but the monitor and saving.
        parts: Time of each part of a step; what they leave of ``seconds`` is the loop around them.
        images: Images trained on.
        monitor_seconds: Time of the monitor.
        save_seconds: Time of saving states.
    """

    seconds: float = 0.0
    parts: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))
    images: int = 0
    monitor_seconds: float = 0.0
    save_seconds: float = 0.0

    def add(self, seconds: float, parts: Mapping[str, float], images: int) -> None:
        """Count steps.

        Args:
            seconds: Their wall time.
            parts: Time of each part of them.
            images: Images in them.
        """
        self.seconds += seconds
        self.images += images
        for part, spent in parts.items():
            self.parts[part] += spent

    def include(self, other: Meter) -> None:
        """Count what another stage took too."""
        self.add(other.seconds, other.parts, other.images)
        self.monitor_seconds += other.monitor_seconds
        self.save_seconds += other.save_seconds

    def facts(self) -> dict[str, float]:
        """Return throughput in plain values: seconds, images/s, and shares of the time.

        ``data_share`` is everything in steps that is not forward, backward, optimiser or teacher,
        of the time in steps; the other shares are of the whole stage.
        """
        whole = self.seconds + self.monitor_seconds + self.save_seconds
        if not self.seconds:
            return {"seconds": round(whole, 2), "images_per_s": 0.0, "data_share": 0.0}
        compute = sum(self.parts[part] for part in COMPUTE)
        other = max(0.0, self.seconds - sum(self.parts.values()))
        times = {**self.parts, "loop": other, "monitor": self.monitor_seconds,
                 "saving": self.save_seconds}  # fmt: skip
        return {
            "seconds": round(whole, 2),
            "images_per_s": round(self.images / self.seconds, 2),
            "data_share": round(max(0.0, 1.0 - compute / self.seconds), 4),
            **{f"{name}_share": round(spent / whole, 4) for name, spent in times.items()
               if name != "data"},
            "waiting_share": round(self.parts["data"] / whole, 4),
        }  # fmt: skip

    def to_dict(self) -> dict[str, object]:
        """Return its attributes as plain values, from which ``Meter(**values)`` makes it again."""
        return {
            "seconds": self.seconds, "parts": dict(self.parts), "images": self.images,
            "monitor_seconds": self.monitor_seconds, "save_seconds": self.save_seconds,
        }  # fmt: skip


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


_NAMES = {
    "waiting_share": "waiting for images",
    "views_share": "views",
    "forward_backward_share": "forward and backward",
    "optimizer_share": "optimiser",
    "teacher_share": "teacher",
    "monitor_share": "monitor",
    "saving_share": "saving",
    "loop_share": "loop",
}

_ADVICE = {
    "waiting_share": "they come too slowly from disk; make room so that the pack fits in memory",
    "views_share": "fewer or smaller ones, or bilinear interpolation, would help most",
    "optimizer_share": "a larger batch or fewer prototypes would help",
    "teacher_share": "a larger batch or a smaller head would help",
    "monitor_share": "a larger pretrain.monitor_every_percent would help",
    "saving_share": "the disk is slow; another --out would help",
    "loop_share": "steps are so short that the loop around them shows; a larger batch would help",
}

ENOUGH_DATA_SHARE = 0.10  # up to this, faster data could hardly be noticed


def bottleneck(facts: Mapping[str, float], device: str) -> str:
    """Say where the time goes and what would help.

    Args:
        facts: From ``Meter.facts``.
        device: Type of the device, such as ``"cpu"``.

    Returns:
        Two short sentences; empty before the first step.
    """
    shares = {key: facts[key] for key in _NAMES if key in facts}
    if not shares or not facts["images_per_s"]:
        return ""
    order = sorted(shares, key=lambda key: -shares[key])
    told = ", ".join(
        f"{_NAMES[key]} {100 * shares[key]:.0f} %" for key in order if shares[key] >= 0.005
    )
    rate, limit = f"{facts['images_per_s']:.0f} img/s", order[0]
    if limit != "forward_backward_share":
        return f"{rate}: {told}. The limit on this {device}: {_NAMES[limit]}; {_ADVICE[limit]}."
    if facts["data_share"] <= ENOUGH_DATA_SHARE:
        return f"{rate}: {told}. The network is the limit on this {device}, as it should be."
    data = {key: shares[key] for key in ("waiting_share", "views_share", "loop_share")}
    most = max(data, key=lambda key: data[key])
    return (
        f"{rate}: {told}. Data takes {100 * facts['data_share']:.0f} % of the steps, mostly "
        f"{_NAMES[most]}: {_ADVICE[most]}."
    )
