"""Which row to ship, and why, in a sentence."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgessl.metrics.interval import Score
from edgessl.report.compare.difference import Difference, difference
from edgessl.report.compare.row import FILE, OURS, Row

_SAME_MACS = 1.02  # a file counts its classifier, a run does not
_SAME_SIZE = 1.1  # a checkpoint and the file exported from it


@dataclass(frozen=True, slots=True)
class Choice:
    """What to ship of rows that were scored on the same images.

    Attributes:
        row: The one to ship.
        leader: The one with the highest top-1.
        to_leader: Of every row, the leader's own included, to the leader: row minus leader.
        sentence: Why.
        command: What to type next.
    """

    row: Row
    leader: Row
    to_leader: tuple[tuple[Row, Difference], ...]
    sentence: str
    command: str


def choose(rows: Sequence[Row], n: int) -> Choice:
    """Take the best where that is shown, else the cheapest that is not shown to be worse.

    Args:
        rows: At least one, all with scores on the same images.
        n: Number of these images.
    """
    leader = max(rows, key=_by_score)
    to_leader = tuple((row, difference(row, leader)) for row in rows)
    equals = [row for row, found in to_leader if row is leader or found.shown >= 0]
    row, reasons = _cheapest(equals)
    return Choice(row, leader, to_leader, _why(row, leader, rows, equals, reasons, n), _next(row))


def _by_score(row: Row) -> tuple[float, bool]:
    """Of two with the same score, what is exported already is nearer to the device."""
    return row.top1, row.arm == FILE


@dataclass(frozen=True, slots=True)
class _Cost:
    """What can be saved: which rows have the least of it, and how that is told."""

    least: Callable[[Sequence[Row]], list[Row]]
    told: Callable[[Row], str]
    word: str


@dataclass(frozen=True, slots=True)
class _Reason:
    """A cost that decided something, and the rows that have more than the least of it."""

    cost: _Cost
    dropped: tuple[Row, ...]


def _cheapest(rows: Sequence[Row]) -> tuple[Row, list[_Reason]]:
    """Return the fastest, or of equally fast ones the smallest, and what it was chosen for."""
    pool = list(rows)
    reasons: list[_Reason] = []
    for cost in (_TIME, _MACS, _SIZE):
        least = cost.least(pool)
        if len(least) < len(pool):
            dropped = tuple(row for row in pool if row not in least)
            pool, reasons = least, [*reasons, _Reason(cost, dropped)]
    return max(pool, key=_by_score), reasons


def _fastest(rows: Sequence[Row]) -> list[Row]:
    """Those whose medians are not told from the lowest; all where they cannot be compared."""
    known = [row.latency for row in rows if row.latency is not None]
    places = {(one.runtime, one.threads, one.device) for one in known}
    if len(known) < len(rows) or len(places) > 1 or any(one.noisy for one in known):
        return list(rows)
    best = min(known, key=lambda one: one.p50_ms)
    limit = best.p50_ms if best.high_ms is None else best.high_ms
    return [
        row for row in rows
        if row.latency and (row.latency.low_ms or row.latency.p50_ms) <= limit
    ]  # fmt: skip


def _least_of(read: Callable[[Row], float | None], tolerance: float) -> Callable[..., list[Row]]:
    def least(rows: Sequence[Row]) -> list[Row]:
        values = [value for row in rows if (value := read(row)) is not None]
        if len(values) < len(rows):
            return list(rows)
        limit = min(values) * tolerance
        return [row for row, value in zip(rows, values, strict=True) if value <= limit]

    return least


_TIME = _Cost(
    _fastest, lambda row: f"{row.latency.p50_ms:.3g} ms" if row.latency else "-", "the fastest"
)
_MACS = _Cost(
    _least_of(lambda row: row.macs, _SAME_MACS), lambda row: f"{(row.macs or 0) / 1e6:.4g} M MACs",
    "the lightest to compute",
)
_SIZE = _Cost(
    _least_of(lambda row: row.size_mb, _SAME_SIZE), lambda row: f"{row.size_mb or 0:.3g} MB",
    "the smallest",
)


def _why(
    row: Row, leader: Row, rows: Sequence[Row], equals: Sequence[Row], reasons: Sequence[_Reason],
    n: int,
) -> str:
    ship = f"Ship {row.name}: {row.metric} {_percent(row.score)} on {n:,} test images"
    if len(rows) == 1:
        return f"{ship}; there is no other to compare it with."
    if row is not leader:
        found = difference(row, leader)
        saved = next(reason.cost for reason in reasons if leader in reason.dropped)
        return (
            f"{ship}, not shown to be worse than {leader.name}, the highest "
            f"({_percent(leader.score)}; {found.words}), and {saved.word} of "
            f"{_those(equals)}: {saved.told(row)} against {saved.told(leader)}."
        )
    second = max((one for one in rows if one is not row), key=_by_score)
    found = difference(row, second)
    if len(equals) == 1:
        others = "the other" if len(rows) == 2 else f"all {len(rows) - 1} others"
        return f"{ship}, shown to be above {others} (next is {second.name}: {found.words})."
    return (
        f"{ship}, the highest, but it is not shown to be above {_named(equals, row)} "
        f"({second.name}: {found.words}); {_cost_of(reasons)}."
    )


def _named(equals: Sequence[Row], row: Row) -> str:
    others = [one.name for one in equals if one is not row]
    return others[0] if len(others) == 1 else f"{len(others)} others"


def _those(equals: Sequence[Row]) -> str:
    return "the two" if len(equals) == 2 else f"the {len(equals)} that are not"


def _cost_of(reasons: Sequence[_Reason]) -> str:
    return f"of these it is {reasons[0].cost.word}" if reasons else "none of these costs less"


def _next(row: Row) -> str:
    file = shlex.quote(str(row.file))
    if row.arm == FILE:
        return f"edgessl bench {file} --device cpu"
    # Beside ours its files would take the names of those.
    out = "" if row.arm == OURS else f" --out {shlex.quote(str(row.source / row.arm))}"
    return f"edgessl export {file} --onnx{out}"


def _percent(score: Score | None) -> str:
    return "-" if score is None else f"{score.value:.1f} % [{score.low:.1f}, {score.high:.1f}]"
