"""The charts of the bench's page: sweeps, time under load, steps and operators."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from edgessl.page.chart import LineChart, Series, line_chart

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
    if len({one[over] for one in models}) < 2:
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
