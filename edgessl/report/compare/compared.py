"""A whole comparison: rows by what they were scored on, the choice, classes and images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgessl import __version__
from edgessl.report.compare.choice import Choice, choose
from edgessl.report.compare.classes import ClassGain, class_gains, recalls
from edgessl.report.compare.coarse import Coarse, by_coarse_labels
from edgessl.report.compare.hardest import Hardest, hardest
from edgessl.report.compare.row import Row
from edgessl.report.compare.sets import by_test_images
from edgessl.runs.main_score import MAP, TOP1, WORDS


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows that were scored on the same images.

    Attributes:
        name: Of the images: the data, and a letter where there are several sets.
        n: How many.
        rows: The highest top-1 first.
        choice: What to ship.
        base: What classes are compared with; None where there is nothing to compare.
        gains: Of each class from ``base`` to the best, the largest first.
        hardest: What most rows get wrong; None where it is not recorded.
        coarse: Rows by coarser labels; None where there are none.
    """

    name: str
    n: int
    rows: tuple[Row, ...]
    choice: Choice
    base: Row | None
    gains: tuple[ClassGain, ...]
    hardest: Hardest | None
    coarse: Coarse | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison.

    Attributes:
        sets: One for each set of test images, in the order in which the user named them.
        unscored: Rows without a score on test images.
        notes: What is to be known of the numbers.
    """

    sets: tuple[Scored, ...]
    unscored: tuple[Row, ...]
    notes: tuple[str, ...]

    @property
    def answer(self) -> str:
        """Which row to ship: a sentence, or one for each set of test images."""
        if not self.sets:
            return "Nothing here has a score on test images, so nothing tells which to ship."
        if len(self.sets) == 1:
            return self.sets[0].choice.sentence
        return " ".join(f"{one.name}: {one.choice.sentence}" for one in self.sets)

    @property
    def commands(self) -> tuple[str, ...]:
        """What to type next, for each set."""
        return tuple(one.choice.command for one in self.sets)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``edgessl compare --json`` prints."""
        return {
            "edgessl": __version__,
            "answer": self.answer,
            "next": list(self.commands),
            "tests": [_set(one) for one in self.sets],
            "rows": [
                {"test": one.name, **_row(row, one.choice)} for one in self.sets for row in one.rows
            ] + [{"test": None, **row.to_dict(), "to_best": None} for row in self.unscored],
            "notes": list(self.notes),
        }  # fmt: skip


def compared(rows: Sequence[Row], notes: Sequence[str] = ()) -> Compared:
    """Compare rows.

    Args:
        rows: In the order in which the user named them.
        notes: What is to be told of them.
    """
    groups = by_test_images([row for row in rows if row.score is not None])
    groups.sort(key=lambda group: min(_place(row, rows) for row in group))
    names = _names([group[0] for group in groups])
    sets = tuple(_scored(name, group) for name, group in zip(names, groups, strict=True))
    unscored = tuple(row for row in rows if row.score is None)
    return Compared(sets, unscored, (*notes, *_notes(sets, unscored)))


def _place(row: Row, rows: Sequence[Row]) -> int:
    return [one.name for one in rows].index(row.name)


def _scored(name: str, rows: Sequence[Row]) -> Scored:
    n = rows[0].tests.n if rows[0].tests else 0
    choice = choose(rows, n)
    ranked = tuple(sorted(rows, key=lambda row: (-row.top1, row is not choice.row)))
    base = _base(rows, choice)
    gains = () if base is None else tuple(class_gains(base, choice.leader))
    return Scored(name, n, ranked, choice, base if gains else None, gains, hardest(ranked),
                  by_coarse_labels(ranked))  # fmt: skip


def _base(rows: Sequence[Row], choice: Choice) -> Row | None:
    """Return the row that was named first, or the next best where that one is the best."""
    known = [row for row in rows if row is not choice.leader and recalls(row) is not None]
    if not known:
        return None
    return known[0] if known[0] is rows[0] else max(known, key=lambda row: row.top1)


def _names(firsts: Sequence[Row]) -> list[str]:
    found = [row.tests.data if row.tests else "" for row in firsts]
    if len(set(found)) == len(found):
        return found
    return [f"{name} ({chr(ord('A') + index)})" for index, name in enumerate(found)]


def _notes(sets: Sequence[Scored], unscored: Sequence[Row]) -> list[str]:
    notes = []
    if len(sets) > 1:
        told = "; ".join(
            f"{one.name}: {', '.join(row.name for row in one.rows)}" for one in sets
        )
        notes.append(
            "Not all were scored on the same test images and classes, so they are not ranked "
            f"together and no difference is paired between them: {told}."
        )
    for one in sets:
        unpaired = [row.name for row, found in one.choice.to_leader
                    if found.low is None and row is not one.choice.leader]  # fmt: skip
        if unpaired:
            notes.append(
                f"Against {one.choice.leader.name} not paired, because answers to each image are "
                f"not recorded of both: {', '.join(unpaired)}. A difference is shown only where "
                "the intervals lie apart."
            )
        metric = one.rows[0].metric
        if metric == WORDS[MAP] and len(one.rows) > 1:
            notes.append(
                f"Images of {one.name} may have several labels: scores are mean average precision, "
                "and images and classes are not compared one by one; each run's report has its "
                "classes."
            )
        if metric == WORDS[TOP1] and len(one.rows) > 1 and not _is_known(one):
            notes.append(
                f"Which test images of {one.name} these are is not recorded by any of these runs "
                "(of an older edgessl): the same command again adds it to a finished run, and "
                "then images and classes are shown."
            )
    if unscored:
        names = ", ".join(row.name for row in unscored)
        notes.append(f"Without a score on test images: {names}.")
    if any(len(one.rows) > 1 for one in sets):
        notes.append(
            "The highest of several is found on these very test images, which flatters it a "
            "little; intervals tell what the number of test images leaves open, not what another "
            "seed would give."
        )
    return notes


def _is_known(one: Scored) -> bool:
    return any(row.tests is not None and row.tests.images is not None for row in one.rows)


def _row(row: Row, choice: Choice) -> dict[str, Any]:
    found = next(found for one, found in choice.to_leader if one.name == row.name)
    to_best = None if row.name == choice.leader.name else found.to_dict()
    shares = {name: 100 * right / n for name, (right, n) in (recalls(row) or {}).items()}
    return {**row.to_dict(), "to_best": to_best, "ship": row.name == choice.row.name,
            "class_top1": shares}  # fmt: skip


def _set(one: Scored) -> dict[str, Any]:
    return {
        "name": one.name, "n": one.n, "best": one.choice.leader.name, "ship": one.choice.row.name,
        "answer": one.choice.sentence, "next": one.choice.command,
        "gains": {
            "from": one.base.name, "to": one.choice.leader.name,
            "classes": [gain.to_dict() for gain in one.gains],
        } if one.base is not None else None,
        "hardest": None if one.hardest is None else one.hardest.to_dict(),
        "coarse": None if one.coarse is None else one.coarse.to_dict(),
    }  # fmt: skip
