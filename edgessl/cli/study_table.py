"""Studies on the screen: which there are, what one would take, and what it found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgessl import catalog
from edgessl.cli.screen import print_json
from edgessl.recipe.study import Study, load_study

if TYPE_CHECKING:
    from edgessl.pipeline.study.study import StudyPlan
    from edgessl.report.study.result import StudyResult


def print_studies(screen: Console, *, as_json: bool) -> None:
    """Print every study of the catalogue.

    Args:
        screen: Where to.
        as_json: Print one JSON document on stdout instead.
    """
    found = {name: load_study(name) for name in catalog.entries("studies")}
    if as_json:
        print_json([_about(name, study) for name, study in found.items()])
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("study", "place", "rows", "sets", "shows"):
        table.add_column(heading, overflow="fold")
    for name, study in found.items():
        sets = ", ".join(study.sets)
        table.add_row(name, study.place, str(len(study.rows)), sets, study.title)
    screen.print(table)


def _about(name: str, study: Study) -> dict[str, object]:
    return {
        "name": name, "title": study.title, "place": study.place, "rows": len(study.rows),
        "sets": list(study.sets), "weights": dict(study.weights),
    }  # fmt: skip


def print_plan(screen: Console, plan: StudyPlan) -> None:
    """Print what a study would take.

    Args:
        screen: Where to.
        plan: Of it.
    """
    for folder, minutes in plan.pretrainings:
        screen.print(f"pretrain    {folder}: about {minutes:.1f} minutes")
    screen.print(
        f"in all      {plan.rows} rows: {len(plan.pretrainings)} pretraining run(s), "
        f"{plan.tunings} fine-tuning(s), {plan.transfers} detector(s) or segmenter(s), "
        f"about {plan.minutes:.1f} minutes"
    )
    for why, names in _by_reason(plan.refused).items():
        screen.print(f"not run     {_told(names)}: {why}", markup=False)


def print_study(screen: Console, found: StudyResult) -> None:
    """Print what a study found.

    Args:
        screen: Where to.
        found: The study.
    """
    table = Table(
        title=f"{found.study.title} ({found.study.place})", title_justify="left", box=None,
        padding=(0, 2, 0, 0),
    )  # fmt: skip
    table.add_column("", overflow="fold", min_width=24)
    for heading in ("", "paper", "ours"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for one in found.outcomes:
        interval = "" if one.low is None else f" [{one.low:.1f}, {one.high:.1f}]"
        ours = "-" if one.value is None else f"{one.value:.4g}{interval}"
        paper = "-" if one.paper is None else f"{one.paper:g}"
        name = Text(f"{one.name}{f' | {one.column}' if one.column else ''}")
        table.add_row(name, Text(f"{one.score} {one.unit}"), paper, ours)
    screen.print(table)
    for why, names in _by_reason((one.key, one.why) for one in found.outcomes if one.why).items():
        screen.print(f"not run: {_told(names)}: {why}", markup=False)
    for note in found.notes:
        screen.print(f"note: {note}", markup=False)
    for said in found.said:
        held = {True: "holds here", False: "does not hold here", None: "not shown"}[said.holds]
        screen.print(f"{said.text} ({said.at}): {held} ({said.figures})", markup=False)
    screen.print(found.answer)
    screen.print(f"page:   {found.path / 'study.html'}")


def _by_reason(refused: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the rows that do not run, by why: a set that does not fit refuses all of a table."""
    found: dict[str, list[str]] = {}
    for name, why in refused:
        found.setdefault(why, []).append(name)
    return found


def _told(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} rows, the first {names[0]}"
