"""One offline page of a study: the paper's numbers beside ours, plotted where the paper plots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from edgessl import __version__
from edgessl.page.chart import LineChart, Series, line_chart
from edgessl.page.render import templates_of
from edgessl.report.study.orderings import points_of
from edgessl.report.study.outcome import TITLES, Outcome
from edgessl.report.study.result import StudyResult

COLOURS = 6  # of table.css
HOLDS = {True: "holds here", False: "does not hold here", None: "not shown"}


def study_page(found: StudyResult) -> str:
    """Return the page.

    Args:
        found: The study.
    """
    template = templates_of("edgessl.report.study").get_template("study.html.j2")
    order = found.order
    return template.render(
        version=__version__,
        title=found.study.title,
        place=found.study.place,
        name=found.name,
        answer=found.answer,
        about=found.study.about,
        notes=found.notes,
        how=[(key, str(value)) for key, value in found.how.items() if value not in (None, "", [])],
        tables=[*_tables(found.outcomes)],
        charts=[*_charts(found)],
        said=[
            {"text": one.text, "at": one.at, "figures": one.figures, "holds": HOLDS[one.holds]}
            for one in found.said
        ],
        tau=None if order.tau is None else f"{order.tau:+.2f}",
    )  # fmt: skip


def _tables(outcomes: Sequence[Outcome]) -> Iterator[dict[str, Any]]:
    """Give a table for each score: its rows, and a pair of columns for each of the paper's."""
    for score in dict.fromkeys(one.score for one in outcomes):
        own = [one for one in outcomes if one.score == score]
        columns = [*dict.fromkeys(one.column for one in own)]
        cells = {(one.name, one.column): one for one in own}
        yield {
            "score": TITLES[score],
            "unit": own[0].unit,
            "columns": columns,
            "rows": [
                {"name": name, "cells": [_cell(cells.get((name, column))) for column in columns]}
                for name in dict.fromkeys(one.name for one in own)
            ],
        }


def _cell(one: Outcome | None) -> dict[str, str]:
    if one is None:
        return {"paper": "", "ours": "", "interval": "", "why": "", "run": "", "at": ""}
    interval = "" if one.low is None else f"{one.low:.1f} to {one.high:.1f}"
    return {
        "paper": "-" if one.paper is None else _number(one.paper),
        "ours": "-" if one.value is None else _number(one.value),
        "interval": interval, "why": one.why, "run": one.run, "at": one.at,
    }  # fmt: skip


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _charts(found: StudyResult) -> Iterator[LineChart]:
    if not found.study.x_title:
        return
    names = [*dict.fromkeys(one.series for one in found.outcomes if one.x is not None)]
    for title, paper in (("here", False), ("in the paper", True)):
        drawn = []
        for number, name in enumerate(names):
            points = _printed(name, found.outcomes) if paper else points_of(name, found.outcomes)
            if points:
                kind = f"m{number % COLOURS}"
                drawn.append(Series(kind, name, [*points], [*points.values()]))
        chart = line_chart(f"{found.study.y_title}, {title}", found.study.x_title, drawn)
        if chart is not None:
            yield chart


def _printed(series: str, outcomes: Sequence[Outcome]) -> dict[float, float]:
    known = {
        one.x: one.paper for one in outcomes
        if one.series == series and one.x is not None and one.paper is not None
    }  # fmt: skip
    return dict(sorted(known.items()))
