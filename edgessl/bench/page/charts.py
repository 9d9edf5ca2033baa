"""The charts of the bench's page: sweeps, time under load, steps, operators, and the trade."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from edgessl.page.chart import LineChart, Series, Tick, axis, line_chart, steps, tick_text

Bars = list[dict[str, Any]]
Keys = list[tuple[str, str]]

_STEPS = ("decode", "preprocess", "core", "post")
_KINDS = ("m1", "m2", "m0", "m4", "m3")
_NAMED_OPERATORS = 5


def step_bars(rows: Sequence[Mapping[str, Any]]) -> tuple[Bars, Keys]:
    """Make a bar for each model, on one scale of milliseconds.

    Args:
        rows: ``end_to_end`` of a document.
    """
    if not rows:
        return [], []
    longest = max(sum(row[f"{step}_p50_ms"] for step in _STEPS) for row in rows)
    bars = []
    for row in rows:
        parts = []
        for kind, step in zip(_KINDS, _STEPS, strict=False):
            spent = row[f"{step}_p50_ms"]
            percent = round(100 * spent / longest, 2)
            title = f"{step}: {spent:.2f} ms"
            text = f"{spent:.2f}" if percent > 6 else ""
            parts.append({"kind": kind, "percent": percent, "title": title, "text": text})
        inside = ", preprocessing inside core" if row["preprocess_inside"] else ""
        text = f"{row['total_p50_ms']:.2f} ms in all{inside}"
        bars.append({"name": row["name"], "text": text, "parts": parts})
    return bars, list(zip(_KINDS, _STEPS, strict=False))


def operator_bars(profiles: Sequence[Mapping[str, Any]]) -> tuple[Bars, Keys]:
    """Make a bar for each model, of its operators' shares; rare ones are put together.

    Args:
        profiles: ``operators`` of a document.
    """
    totals: dict[str, float] = defaultdict(float)
    for profile in profiles:
        for row in profile["operators"]:
            totals[row["operator"]] += row["percent"]
    named = sorted(totals, key=lambda name: -totals[name])[:_NAMED_OPERATORS]
    kinds = {name: f"m{index}" for index, name in enumerate(named)}
    bars = []
    for profile in profiles:
        rows = {row["operator"]: row for row in profile["operators"]}
        parts = [_part(kinds[name], name, rows[name]) for name in named if name in rows]
        rest = sum(row["percent"] for name, row in rows.items() if name not in kinds)
        count = sum(row["nodes"] for name, row in rows.items() if name not in kinds)
        if count:
            other = {"percent": rest, "nodes": count}
            parts.append(_part("m5", "others", other))
        nodes = sum(row["nodes"] for row in rows.values())
        bars.append({"name": profile["name"], "text": f"{nodes} operators", "parts": parts})
    keys = [(kind, name) for name, kind in kinds.items()]
    return bars, [*keys, ("m5", "others")] if len(totals) > _NAMED_OPERATORS else keys


def _part(kind: str, name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    percent = row["percent"]
    words = f"{name} x{row['nodes']} {percent:.0f} %"
    room = percent > 0.9 * len(words)  # about a percent of the width for each letter
    short = f"{percent:.0f} %" if percent > 5 else ""
    return {"kind": kind, "percent": round(percent, 2), "title": words,
            "text": words if room else short}  # fmt: skip


_LONGEST_NAME = 12


def sweep_charts(models: Sequence[Mapping[str, Any]]) -> list[LineChart]:
    """Draw what was measured at several numbers of threads or several batch sizes.

    Args:
        models: ``models`` of a document.
    """
    batch = min(one["batch"] for one in models)
    threads = min(one["threads"] for one in models)
    fixed_batch = [one for one in models if one["batch"] == batch]
    fixed_threads = [one for one in models if one["threads"] == threads]
    charts = [
        _sweep(fixed_batch, "threads", "p50_ms", f"Median latency, ms (batch {batch})", "threads"),
        _sweep(fixed_threads, "batch", "images_per_s",
               f"Images a second ({threads} thread{'s' if threads > 1 else ''})", "batch"),
    ]  # fmt: skip
    return [chart for chart in charts if chart is not None]


def sustained_charts(runs: Sequence[Mapping[str, Any]]) -> list[LineChart]:
    """Draw the median over a long run of each model.

    Args:
        runs: ``sustained`` of a document.
    """
    series = [
        Series(f"m{index % 6}", _short(run["name"]), [one["end_s"] for one in run["windows"]],
               [one["p50_ms"] for one in run["windows"]])
        for index, run in enumerate(runs)
    ]  # fmt: skip
    chart = line_chart("Median latency without a pause, ms", "seconds", series, from_zero=True,
                       digits=2)  # fmt: skip
    return [] if chart is None else [chart]


def _sweep(
    models: Sequence[Mapping[str, Any]], over: str, value: str, title: str, x_title: str
) -> LineChart | None:
    names = list(dict.fromkeys((one["path"], one["name"]) for one in models))
    if len({one[over] for one in models}) < 2 or any(one.get(value) is None for one in models):
        return None
    series = []
    for index, (path, name) in enumerate(names):
        own = sorted((one[over], one[value]) for one in models if one["path"] == path)
        series.append(
            Series(f"m{index % 6}", _short(name), [x for x, _ in own], [y for _, y in own])
        )
    return line_chart(title, x_title, series, from_zero=True, whole_x=True,
                      digits=2 if value == "p50_ms" else 0)  # fmt: skip


def _short(name: str) -> str:
    stem = name.removesuffix(".onnx")
    return stem if len(stem) <= _LONGEST_NAME else stem[: _LONGEST_NAME - 1] + "…"


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
