"""One offline page of a comparison: everything inside one file, nothing fetched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgessl import __version__
from edgessl.metrics.interval import Score
from edgessl.page.render import templates_of
from edgessl.report.compare.compared import Compared, Scored
from edgessl.report.compare.curves import MOST, curves
from edgessl.report.compare.difference import Difference
from edgessl.report.compare.pictures import thumbnail
from edgessl.report.compare.row import BESIDE, OURS, Row
from edgessl.report.compare.slopes import gain_curve, slopes
from edgessl.report.facts import duration

COLOURS = 6  # of table.css
MOST_PICTURES = 36
LISTED_CLASSES = 24
EXTREME_CLASSES = 10  # most improved and most harmed, as in Cole's Table A1


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval on a scale; all in percent of its width."""

    at: float
    left: float
    width: float
    zero: float = 0.0


def compare_page(found: Compared) -> str:
    """Return the page of a comparison.

    Args:
        found: The comparison.
    """
    template = templates_of("edgessl.report.compare").get_template("compare.html.j2")
    return template.render(
        version=__version__,
        title=_title(found),
        answer=found.answer,
        commands=found.commands,
        notes=found.notes,
        sets=[_set(one) for one in found.sets],
        unscored=[_row(index, row, None) for index, row in enumerate(found.unscored)],
    )


def _title(found: Compared) -> str:
    count = sum(len(one.rows) for one in found.sets) + len(found.unscored)
    names = ", ".join(one.name for one in found.sets)
    return f"{count} to choose from{f' · {names}' if names else ''}"


def _set(one: Scored) -> dict[str, Any]:
    numbered = [(index + 1, f"m{index % COLOURS}", row) for index, row in enumerate(one.rows)]
    differences = {row.name: found for row, found in one.choice.to_leader}
    reach = max((max(abs(found.low or found.value), abs(found.high or found.value))
                 for found in differences.values()), default=1.0) or 1.0  # fmt: skip
    others = [(number, kind, row) for number, kind, row in numbered if row is not one.choice.leader]
    return {
        "name": one.name, "n": one.n,
        "rows": [{**_row(index, row, one), "shown": _word(differences[row.name], row, one)}
                 for index, row in enumerate(one.rows)],
        "timed": any(row.latency for row in one.rows),
        "latency_where": _where(one),
        "leader": one.choice.leader.name,
        "forest": [
            {"number": number, "kind": kind, "name": row.name,
             "bar": _difference_bar(differences[row.name], reach),
             "text": differences[row.name].words}
            for number, kind, row in others
        ],
        "charts": curves(numbered),
        "most": MOST,
        "gains": _gains(one),
        "hardest": _hardest(one),
        "coarse": _coarse(one, numbered),
    }  # fmt: skip


def _word(found: Difference, row: Row, one: Scored) -> str:
    if row is one.choice.leader:
        return "highest"
    return {1: "better", 0: "not shown to differ", -1: "worse"}[found.shown]


def _row(index: int, row: Row, one: Scored | None) -> dict[str, Any]:
    score, latency = row.score, row.latency
    return {
        "number": index + 1, "kind": f"m{index % COLOURS}", "name": row.name,
        "what": _what(row), "ship": one is not None and row is one.choice.row,
        "score": "-" if score is None else f"{score.value:.1f}",
        "interval": "" if score is None else f"{score.low:.1f} to {score.high:.1f}",
        "beside": [f"{name} {row.beside[key].value:.1f}" for key, name in BESIDE.items()
                   if key in row.beside],
        "bar": None if score is None or one is None else _score_bar(score, one.rows),
        "metric": row.metric, "knn": _value(row, "knn_top1"),
        "linear": _value(row, "linear_map" if "linear_map" in row.features else "linear_top1"),
        "params": _millions(row.params, 2), "macs": _millions(row.macs, 1),
        "px": row.size_px or "-",
        "size": "-" if row.size_mb is None else f"{row.size_mb:.1f}",
        "train": "-" if row.seconds is None else duration(row.seconds),
        "latency": "-" if latency is None else f"{latency.p50_ms:.3g}",
        "latency_remark": "" if latency is None else _remark(row),
    }  # fmt: skip


def _score_bar(score: Score, rows: Sequence[Row]) -> Bar:
    """Place a score on a scale from the lowest end of all intervals to the highest."""
    scores = [row.score for row in rows if row.score is not None]
    first, last = min(one.low for one in scores), max(one.high for one in scores)

    def place(percent: float) -> float:
        return round(2 + 96 * (percent - first) / max(last - first, 1e-9), 2)

    return Bar(place(score.value), place(score.low), place(score.high) - place(score.low))


def _what(row: Row) -> str:
    seed = "" if row.seed is None else f"seed {row.seed}"
    kind = row.precision if row.arm not in (OURS, "") and row.precision != "fp32" else ""
    return " · ".join(part for part in (row.recipe, seed, kind) if part)


def _remark(row: Row) -> str:
    if row.latency is None:
        return ""
    other = "" if row.latency.runtime == "onnxruntime" else row.latency.runtime
    return ", ".join(part for part in (other, "noisy" if row.latency.noisy else "") if part)


def _where(one: Scored) -> str:
    places = {
        f"{row.latency.device}, {row.latency.threads} thread(s)" for row in one.rows if row.latency
    }
    return "; ".join(sorted(places))


def _value(row: Row, key: str) -> str:
    found = row.features.get(key)
    return "-" if found is None else f"{found.value:.1f}"


def _millions(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value / 1e6:.{digits}f}"


def _difference_bar(found: Difference, reach: float) -> Bar:
    """Place a difference on a scale from ``-reach`` to ``reach`` points."""

    def place(points: float) -> float:
        return round(50 + 48 * points / reach, 2)

    low = found.value if found.low is None else found.low
    high = found.value if found.high is None else found.high
    return Bar(place(found.value), place(low), round(place(high) - place(low), 2), place(0.0))


def _gains(one: Scored) -> dict[str, Any] | None:
    if one.base is None:
        return None
    reach = max(1.0, *(max(abs(gain.low if gain.low is not None else gain.gain),
                           abs(gain.high if gain.high is not None else gain.gain))
                       for gain in one.gains))  # fmt: skip
    bars = [
        {
            "name": gain.name, "n": gain.n,
            "bar": _difference_bar(Difference(gain.gain, gain.low, gain.high, 0), reach),
            "text": f"{gain.before:.0f} to {gain.after:.0f} % ({gain.gain:+.0f})",
            "kind": "run" if (gain.low or 0) > 0 else "fell" if (gain.high or 0) < 0 else "random",
        }
        for gain in one.gains
    ]
    many = len(bars) > LISTED_CLASSES
    return {
        "base": one.base.name, "to": one.choice.leader.name,
        "paired": one.gains[0].low is not None,
        "listed": [bars[:EXTREME_CLASSES], bars[-EXTREME_CLASSES:]] if many else [bars],
        "rest": bars[EXTREME_CLASSES:-EXTREME_CLASSES] if many else [],
        "slopes": slopes(one.gains), "curve": gain_curve(one.gains),
        "improved": sum(bar["kind"] == "run" for bar in bars),
        "harmed": sum(bar["kind"] == "fell" for bar in bars), "count": len(bars),
    }  # fmt: skip


def _coarse(one: Scored, numbered: Sequence[tuple[int, str, Row]]) -> dict[str, Any] | None:
    """Return a table with a column for each of the first rows, the best of every line marked."""
    if one.coarse is None:
        return None
    shown = [
        (number, kind, row.name) for number, kind, row in numbered
        if row.name in one.coarse.groups[0].shares
    ][:COLOURS]  # fmt: skip
    lines = []
    for group in one.coarse.groups:
        values = [group.shares[name] for _, _, name in shown]
        cells = [(f"{value:.1f}", value == max(values) and len(values) > 1) for value in values]
        lines.append({"group": group, "cells": cells})
    return {"level": one.coarse.level, "columns": shown, "lines": lines}


def _hardest(one: Scored) -> dict[str, Any] | None:
    found = one.hardest
    if found is None:
        return None
    pictures = [
        {
            "source": thumbnail(image.path, image.digest), "label": image.label,
            "name": Path(image.path).name, "path": image.path, "wrong": image.wrong,
            "by": ", ".join(image.by) or "none",
        }
        for image in found.images[:MOST_PICTURES] if image.path
    ]  # fmt: skip
    return {
        "found": found, "pictures": [one for one in pictures if one["source"]],
        "nameless": sum(not one["source"] for one in pictures),
        "scores": sorted(found.scores.items(), key=lambda pair: -pair[1]),
    }
