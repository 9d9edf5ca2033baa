"""What the screen says of a study."""

from __future__ import annotations

import io

from rich.console import Console

from edgessl.cli.study_table import print_plan
from edgessl.pipeline.study.plan import StudyPlan


def _printed(*refused: tuple[str, str]) -> str:
    screen = Console(file=io.StringIO(), width=200)
    print_plan(
        screen,
        StudyPlan(rows=4, pretrainings=(), tunings=0, transfers=0, minutes=0.0, refused=refused),
    )
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_rows_that_one_reason_refuses_are_one_line() -> None:
    said = _printed(("A", "no boxes"), ("B", "no boxes"), ("C", "no network"))
    assert said.count("no boxes") == 1
    assert "not run     2 rows, the first A: no boxes" in said
    assert "not run     C: no network" in said
