"""Ratios with their intervals, on one axis of times as long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

from edgessl.bench.page.facts import cell_in_words


def forest(comparisons: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Lay out one row for each comparison.

    Args:
        comparisons: With ``ratio low high verdict comparable``.

    Returns:
        Positions in percent of a common logarithmic axis that holds a ratio of one.
    """
    ends = [1.0]
    for one in comparisons:
        ends += [end for end in (one["ratio"], one["low"], one["high"]) if end is not None]
    low, high = 0.93 * min(ends), 1.07 * max(ends)

    def place(value: float) -> float:
        return round(100 * log(value / low) / log(high / low), 2)

    rows = []
    for index, one in enumerate(comparisons):
        known = one["low"] is not None
        said = one["verdict"] if one["comparable"] else "too noisy, do not compare"
        interval = f" [{one['low']:.3f}, {one['high']:.3f}]" if known else ""
        rows.append({
            "kind": f"m{(index + 1) % 6}", "name": one["name"], "one": place(1.0),
            "where": cell_in_words(one["threads"], one["batch"]),
            "at": place(one["ratio"]),
            "left": place(one["low"]) if known else 0,
            "width": round(place(one["high"]) - place(one["low"]), 2) if known else 0,
            "text": f"{one['ratio']:.3f}{interval}: {said}",
        })  # fmt: skip
    return rows
