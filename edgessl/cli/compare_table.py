"""A comparison on the screen."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgessl.report.compare.compared import Compared, Scored
from edgessl.report.compare.row import BESIDE, Row

_COLOURS = {1: "green", 0: "default", -1: "red"}


def print_comparison(screen: Console, found: Compared) -> None:
    """Print a table for each set of test images, and what is to be known of it.

    Args:
        screen: Where to.
        found: The comparison.
    """
    for one in found.sets:
        screen.print(_table(one))
        if one.hardest is not None:
            screen.print(
                f"of {one.hardest.n:,} test images {one.hardest.wrong_in_all:,} are wrong in all "
                f"{one.hardest.rows} rows whose answers are recorded, "
                f"{one.hardest.right_in_all:,} right in all"
            )
    for note in found.notes:
        screen.print(f"note: {note}")


def _table(one: Scored) -> Table:
    timed = any(row.latency is not None for row in one.rows)
    table = Table(
        title=f"{one.name}: {one.rows[0].metric} on {one.n:,} test images, percent [95 % interval]",
        title_justify="left", box=None, padding=(0, 2, 0, 0),
    )  # fmt: skip
    widest = max(len(row.name) + 2 for row in one.rows)
    table.add_column("", overflow="fold", min_width=min(24, widest))
    measures = [key for key in BESIDE if any(key in row.beside for row in one.rows)]
    headings = (one.rows[0].metric, *(BESIDE[key] for key in measures), "to the best", "M params",
                "M MACs", "MB")  # fmt: skip
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    if timed:
        table.add_column("p50 ms", justify="right", no_wrap=True)
    for row in one.rows:
        marked = Text(f"{row.name} *" if row is _shipped(one) else row.name)
        beside = (f"{row.beside[key].value:.1f}" if key in row.beside else "-" for key in measures)
        cells: list[str | Text] = [
            marked, _score(row), *beside, _to_best(row, one), *_costs(row)
        ]  # fmt: skip
        table.add_row(*cells, *([_latency(row)] if timed else []))
    return table


def _shipped(one: Scored) -> Row | None:
    return one.choice.row if len(one.rows) > 1 else None


def _score(row: Row) -> str:
    found = row.score
    return "-" if found is None else f"{found.value:.1f} [{found.low:.1f}, {found.high:.1f}]"


def _to_best(row: Row, one: Scored) -> Text:
    if row is one.choice.leader:
        return Text("best")
    found = next(found for other, found in one.choice.to_leader if other is row)
    interval = "" if found.low is None else f" [{found.low:+.1f}, {found.high:+.1f}]"
    return Text(f"{found.value:+.1f}{interval}", _COLOURS[found.shown])


def _costs(row: Row) -> list[str]:
    return [
        "-" if row.params is None else f"{row.params / 1e6:.2f}",
        "-" if row.macs is None else f"{row.macs / 1e6:.1f}",
        "-" if row.size_mb is None else f"{row.size_mb:.1f}",
    ]


def _latency(row: Row) -> str:
    if row.latency is None:
        return "-"
    return f"{row.latency.p50_ms:.3g}{' (noisy)' if row.latency.noisy else ''}"
