"""Where the time of a training stage goes, kept over interruptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
        """Return plain values that ``from_dict`` reads."""
        return {
            "seconds": self.seconds, "parts": dict(self.parts), "images": self.images,
            "monitor_seconds": self.monitor_seconds, "save_seconds": self.save_seconds,
        }  # fmt: skip
