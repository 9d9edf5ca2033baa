"""A diagnosis on the screen."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgessl.diagnose.diagnosis import Diagnosis, Examined
from edgessl.diagnose.meanings import MEANINGS, votes
from edgessl.metrics.interval import Score

_MARKS = {"good": ("+", "green"), "wrong": ("-", "red"), "open": ("·", "default")}


def print_diagnosis(screen: Console, found: Diagnosis) -> None:
    """Print the numbers of every network beside those of the others, and what they mean.

    Args:
        screen: Where to.
        found: The diagnosis.
    """
    for note in found.notes:
        screen.print(note)
    screen.print(_table(found))
    if found.baselines is not None:
        pixels, majority = found.baselines.thumbnails, found.baselines.majority
        screen.print(
            f"to beat: raw pixels {_score(pixels)}; always '{majority.name}' {majority.value:.1f}"
        )
    for one in found.networks:
        screen.print(Text(one.name, "bold"))
        for note in one.notes:
            screen.print(f"  note: {note}")
        for finding in found.findings[one.name]:
            mark, colour = _MARKS[finding.kind]
            screen.print(Text.assemble((f"  {mark} ", colour), finding.text))
            if finding.todo:
                screen.print(f"    {finding.todo}")
    screen.print(found.answer)
    for command in found.next:
        screen.print(f"next:   {command}")


def _table(found: Diagnosis) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left", title="Numbers")
    table.add_column("", overflow="fold")
    columns = [(one, numbers) for one in found.networks for numbers in one.splits]
    for one, numbers in columns:
        table.add_column(f"{one.name}\n{numbers.split}", justify="right", overflow="fold")
    for meaning in MEANINGS:
        values = [meaning.value(numbers) for _, numbers in columns]
        if any(value is not None for value in values):
            cells = [_cell(value, meaning.digits) for value in values]
            table.add_row(f"{meaning.name} {_arrow(meaning.better)}", *cells)
    for vote in votes(found.ks):
        cells = [_vote(one, numbers.split, vote.score) for one, numbers in columns]
        if any(cell != "-" for cell in cells):
            table.add_row(f"{vote.name} {_arrow('higher')}", *cells)
    return table


def _vote(one: Examined, split: str, score: object) -> str:
    neighbours = one.in_train if split == "train" else one.held_out
    if neighbours is None or not callable(score):
        return "-"
    return f"{score(neighbours).value:.1f}"


def _arrow(better: str) -> str:
    return {"higher": "↑", "lower": "↓"}.get(better, "")


def _cell(value: float | Score | None, digits: int) -> str:
    if value is None:
        return "-"
    return f"{value.value if isinstance(value, Score) else value:.{digits}f}"


def _score(score: Score) -> str:
    return f"{score.value:.1f} [{score.low:.1f}, {score.high:.1f}]"
