"""Curves of a bench: latency over threads, images a second over batch, latency over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgessl.page.chart import LineChart, Series, line_chart

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
