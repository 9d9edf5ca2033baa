"""Geometry of accuracy against latency: the area of a dot is the size of the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from edgessl.page.chart import Tick, axis, steps, tick_text

WIDTH, HEIGHT = 980, 360
LEFT, RIGHT, TOP, BOTTOM = 46, 190, 34, 40
LARGEST_PX = 26.0
LABEL_PX = 15.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One file on one device.

    Attributes:
        kind: Style class.
        name: What to call it.
        latency_ms: Median.
        top1: Percent of test images it gets right.
        low: Lower end of that, percent.
        high: Upper end, percent.
        size_mb: Of the file.
    """

    kind: str
    name: str
    latency_ms: float
    top1: float
    low: float
    high: float
    size_mb: float


@dataclass(frozen=True, slots=True)
class Dot:
    """A candidate as drawn; ``best`` where no other is both faster and more accurate."""

    kind: str
    x: float
    y: float
    radius: float
    low: float
    high: float
    label_x: float
    label_y: float
    text: str
    best: bool


@dataclass(frozen=True, slots=True)
class Tradeoff:
    """A drawing of ``width`` x ``height`` units, ready for SVG."""

    dots: tuple[Dot, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    front: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


def tradeoff(candidates: Sequence[Candidate]) -> Tradeoff | None:
    """Lay out the drawing.

    Args:
        candidates: Files with a known accuracy.

    Returns:
        The drawing, or None where there are none.
    """
    if not candidates:
        return None
    x_low, x_high, x_step = axis(0.0, 1.1 * max(one.latency_ms for one in candidates), 6)
    y_low, y_high, y_step = axis(
        min(one.low for one in candidates), max(one.high for one in candidates), 5
    )
    y_high = min(y_high, 100.0) if y_high > 100 else y_high
    largest = max(one.size_mb for one in candidates)

    def place_x(value: float) -> float:
        return round(LEFT + (value - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT), 1)

    def place_y(value: float) -> float:
        share = (value - y_low) / (y_high - y_low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    dots: list[Dot] = []
    for one in sorted(candidates, key=lambda one: -one.size_mb):  # small dots over large ones
        x, y = place_x(one.latency_ms), place_y(one.top1)
        radius = round(max(4.0, LARGEST_PX * sqrt(one.size_mb / largest)), 1)
        label_y = _free(y, [dot.label_y for dot in dots if abs(dot.x - x) < 240])
        text = f"{one.name} · {one.size_mb:.1f} MB"
        dots.append(
            Dot(one.kind, x, y, radius, place_y(one.low), place_y(one.high), x + radius + 6,
                label_y, text, _unbeaten(one, candidates))
        )  # fmt: skip
    front = sorted((dot.x, dot.y) for dot in dots if dot.best)
    return Tradeoff(
        dots=tuple(dots),
        x_ticks=tuple(Tick(place_x(x), tick_text(x, x_step)) for x in steps(x_low, x_high, x_step)),
        y_ticks=tuple(Tick(place_y(y), tick_text(y, y_step)) for y in steps(y_low, y_high, y_step)),
        front=" ".join(f"{x},{y}" for x, y in front),
    )


def _unbeaten(one: Candidate, candidates: Sequence[Candidate]) -> bool:
    return not any(
        (other.latency_ms < one.latency_ms and other.top1 >= one.top1)
        or (other.latency_ms <= one.latency_ms and other.top1 > one.top1)
        for other in candidates
    )


def _free(wanted: float, taken: Sequence[float]) -> float:
    """Return the place nearest to the wanted one that is not written on yet."""
    offsets = sorted((step * LABEL_PX for step in range(-12, 13)), key=abs)
    for offset in offsets:
        place = wanted + offset
        if TOP <= place <= HEIGHT - BOTTOM and all(abs(place - t) >= LABEL_PX for t in taken):
            return place
    return wanted
