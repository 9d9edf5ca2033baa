"""A finished study: its rows, what they say, and all of it as plain values and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgessl.recipe.study import Study
from edgessl.report.study.orderings import Ordering, Said, in_a_sentence, ordering, said
from edgessl.report.study.outcome import Outcome

COLUMNS = (
    "name", "column", "series", "x", "score", "unit", "paper", "at", "value", "low", "high", "n",
    "difference", "why", "run",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StudyResult:
    """What a study found.

    Attributes:
        name: Of the study.
        study: What was declared.
        outcomes: A number for each row, or for each level of its hierarchy, in order.
        how: How it was run: data, scale, seed, device and so on, as plain values.
        path: Its folder.
        notes: What to know when comparing, one sentence each.
    """

    name: str
    study: Study
    outcomes: tuple[Outcome, ...]
    how: Mapping[str, Any]
    path: Path
    notes: tuple[str, ...] = field(default=())

    @property
    def order(self) -> Ordering:
        """How far the rows stand in the paper's order."""
        return ordering(self.outcomes)

    @property
    def said(self) -> list[Said]:
        """What the paper says in words, and whether it holds here."""
        return said(self.study, self.outcomes)

    @property
    def answer(self) -> str:
        """The comparison in a few sentences."""
        left = sum(one.value is None for one in self.outcomes)
        gone = f" {left} of {len(self.outcomes)} rows have no number here." if left else ""
        claims = [one for one in self.said if one.holds is not None]
        held = sum(bool(one.holds) for one in claims)
        words = f" Of {len(claims)} sentences of the text {held} hold." if claims else ""
        printed = any(one.paper is not None for one in self.outcomes)
        told = in_a_sentence(self.order) if printed else "The paper prints no numbers here."
        return f"{told}{words}{gone}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for ``study.json``."""
        order = self.order
        return {
            "study": self.name,
            "title": self.study.title,
            "place": self.study.place,
            "how": dict(self.how),
            "answer": self.answer,
            "notes": list(self.notes),
            "order": {
                "pairs": order.pairs, "agree": order.agree, "tied": order.tied, "tau": order.tau,
                "clear": order.clear, "clear_agree": order.clear_agree,
            },
            "said": [
                {"text": one.text, "at": one.at, "holds": one.holds, "figures": one.figures}
                for one in self.said
            ],
            "rows": [one.to_dict() for one in self.outcomes],
        }  # fmt: skip

    def to_csv(self) -> str:
        """Return a line for each row; empty where a value is not known."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for one in self.outcomes:
            known = one.value is not None and one.paper is not None
            difference = round((one.value or 0) - (one.paper or 0), 4) if known else None
            values = {**one.to_dict(), "difference": difference}
            writer.writerow({column: values[column] for column in COLUMNS})
        return text.getvalue()
