"""Pseudo-labels that teach nothing are found after two windows, said, and remembered."""

from __future__ import annotations

import pytest
import torch

from edgessl.recipe.semi_table import SemiTable
from edgessl.schedules import Clock
from edgessl.train import StepRecord
from edgessl.train.health.pseudo_labels import WINDOW, PseudoLabelDoctor, effective
from edgessl.train.loop.stopwatch import Stopwatch

CLASSES = 5
TABLE = SemiTable(name="fixmatch")
ALL, ONE = list(range(CLASSES)) * 4, [2] * 20


def feed(doctor: PseudoLabelDoctor, confident: float, winners: list[int], steps: int) -> list[str]:
    """Show the doctor some steps, and return what it said."""
    said = []
    for step in range(steps):
        record = StepRecord(
            Clock(step, 1, 1000), torch.tensor(1.0),
            {"confident_percent": torch.tensor(confident)}, 0.1, False,
            Stopwatch(torch.device("cpu")), torch.tensor(winners),
        )  # fmt: skip
        if (found := doctor.look(record)) is not None:
            said.append(found.word)
    return said


@pytest.mark.parametrize(("confident", "winners", "word", "advised"), [
    (50.0, ALL, "healthy", ""),
    (0.5, ALL, "unsure", "finetune.semi.threshold (now 0.95)"),
    (80.0, ONE, "few classes", "finetune.semi.weight (now 1)"),
])  # fmt: skip
def test_two_windows_of_the_same_kind_are_a_finding(
    confident: float, winners: list[int], word: str, advised: str
) -> None:
    doctor = PseudoLabelDoctor(CLASSES, TABLE)
    first, second = feed(doctor, confident, winners, 2 * WINDOW)
    assert second == word
    assert first in (word, "warming up")
    assert advised in doctor.advice()
    assert doctor.ill == bool(advised)


def test_what_it_remembers_goes_on_where_it_was() -> None:
    whole, cut = PseudoLabelDoctor(CLASSES, TABLE), PseudoLabelDoctor(CLASSES, TABLE)
    said = feed(whole, 80.0, ONE, 2 * WINDOW)
    found = feed(cut, 80.0, ONE, WINDOW + 7)
    resumed = PseudoLabelDoctor(CLASSES, TABLE)
    resumed.restore(cut.state())
    assert found + feed(resumed, 80.0, ONE, WINDOW - 7) == said


def test_classes_are_counted_by_their_entropy() -> None:
    assert effective([3.0, 3.0, 3.0]) == pytest.approx(3.0)
    assert effective([7.0, 0.0, 0.0]) == pytest.approx(1.0)
    assert effective([0.0, 0.0]) == pytest.approx(1.0)
