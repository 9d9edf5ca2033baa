"""Geometry of latency distributions: one lane for each model, on one axis of milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.page.chart import Tick

WIDTH, LEFT, RIGHT = 980, 8, 12
LANE_PX, HILL_PX, AXIS_PX = 66, 34, 30
BINS = 110
LOG_FROM = 5.0  # times between the fastest and the slowest run


@dataclass(frozen=True, slots=True)
class Lane:
    """One model's runs.

    Attributes:
        kind: Style class.
        name: The model, and its threads and batch.
        y: Ground line of the hill.
        hill: SVG points of the density, closed.
        p50, p90, p99: Positions of the percentiles; None where there are too few runs.
        text: The percentiles in words.
        outside: Runs to the right of the drawing, in words; empty for none.
    """

    kind: str
    name: str
    y: float
    hill: str
    p50: float
    p90: float | None
    p99: float | None
    text: str
    outside: str


@dataclass(frozen=True, slots=True)
class Lanes:
    """A drawing of ``width`` x ``height`` units, ready for SVG."""

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    height: float
    logarithmic: bool
    width: int = WIDTH


def lanes(entries: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Lanes | None:
    """Lay out the distributions.

    Args:
        entries: Models with ``samples_ms`` and ``p50_ms``, some with ``p90_ms`` and ``p99_ms``.
        names: What to call each.

    Returns:
        The drawing, or None where there are no samples.
    """
    runs = [_runs(entry) for entry in entries]
    if not runs:
        return None
    # One hiccup of the machine must not squeeze all that is to be seen into a corner.
    low = float(min(values.min() for values in runs)) * 0.97
    high = float(max(np.percentile(values, 99) for values in runs)) * 1.05
    logarithmic = high / low > LOG_FROM
    axis = _Axis(low, high, logarithmic)
    drawn = [
        _lane(entry, values, name, index, axis)
        for index, (entry, values, name) in enumerate(zip(entries, runs, names, strict=True))
    ]
    ticks = tuple(Tick(axis.place(value), f"{value:g}") for value in axis.ticks())
    return Lanes(tuple(drawn), ticks, len(drawn) * LANE_PX + AXIS_PX, logarithmic)


class _Axis:
    """Milliseconds to positions, linear or logarithmic."""

    def __init__(self, low: float, high: float, logarithmic: bool) -> None:
        self.low, self.high, self.logarithmic = low, high, logarithmic

    def share(self, value: float) -> float:
        if self.logarithmic:
            return log10(value / self.low) / log10(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def place(self, value: float) -> float:
        return round(LEFT + min(1.0, self.share(value)) * (WIDTH - LEFT - RIGHT), 1)

    def edges(self) -> NDArray[np.float64]:
        make = np.geomspace if self.logarithmic else np.linspace
        return np.asarray(make(self.low, self.high, BINS + 1), dtype=np.float64)

    def ticks(self) -> list[float]:
        if self.logarithmic:
            decades = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
            found = [factor * 10.0**power for power in decades for factor in (1, 2, 5)]
        else:
            raw = (self.high - self.low) / 8
            scale = 10.0 ** floor(log10(raw))
            step = next(f * scale for f in (1, 2, 2.5, 5, 10) if f * scale >= raw * 0.999)
            found = [round(i * step, 9) for i in range(ceil(self.low / step), 100 + int(
                self.high / step)) if i * step <= self.high]  # fmt: skip
        return [value for value in found if self.low <= value <= self.high]


def _runs(entry: Mapping[str, Any]) -> NDArray[np.float64]:
    return np.asarray(
        [run for launch in entry["samples_ms"] for turn in launch for run in turn], np.float64
    )


def _lane(
    entry: Mapping[str, Any], values: NDArray[np.float64], name: str, index: int, axis: _Axis
) -> Lane:
    ground = index * LANE_PX + LANE_PX - 8.0
    edges = axis.edges()
    counts = np.histogram(values, edges)[0].astype(np.float64)
    counts = np.convolve(counts, (0.25, 0.5, 0.25), mode="same")
    heights = HILL_PX * counts / max(1.0, float(counts.max()))
    points = [f"{axis.place(float(edges[0]))},{ground}"]
    points += [
        f"{axis.place(float((left + right) / 2))},{round(ground - height, 1)}"
        for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True)
    ]
    points.append(f"{axis.place(float(edges[-1]))},{ground}")
    beyond = int((values > axis.high).sum())
    worst = f"{beyond} of {len(values)} runs beyond, up to {values.max():.3g} ms" if beyond else ""
    return Lane(
        kind=f"m{index % 6}", name=name, y=ground, hill=" ".join(points),
        p50=axis.place(entry["p50_ms"]), p90=_place(axis, entry.get("p90_ms")),
        p99=_place(axis, entry.get("p99_ms")), text=_words(entry), outside=worst,
    )  # fmt: skip


def _place(axis: _Axis, value: float | None) -> float | None:
    return None if value is None else axis.place(value)


def _words(entry: Mapping[str, Any]) -> str:
    known = [("p50", entry["p50_ms"]), ("p90", entry.get("p90_ms")), ("p99", entry.get("p99_ms"))]
    return " · ".join(f"{name} {value:.3g}" for name, value in known if value is not None) + " ms"
