"""Stacked bars: the steps from file to answer, and the operators of a model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

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
