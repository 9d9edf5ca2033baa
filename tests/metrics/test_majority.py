"""The majority's share is what one answer for all images gets, and scores are held against it."""

from __future__ import annotations

import pytest

from edgessl.metrics.interval import Score
from edgessl.metrics.majority import Majority, against_majority, majority_of


def test_it_is_the_share_of_the_most_frequent_class() -> None:
    assert majority_of([0, 1, 1, 2], ("a", "b", "c")) == Majority("b", 50.0, 4)


def test_of_equal_classes_the_first_is_named() -> None:
    assert majority_of([2, 1, 2, 1], ("a", "b", "c")).name == "b"


@pytest.mark.parametrize(
    ("correct", "told"), [(380, "below the"), (390, "not clearly above the"), (418, "")]
)
def test_the_whole_interval_must_lie_above_it(correct: int, told: str) -> None:
    majority = Majority("shirt", 92.0, 420)
    found = against_majority(Score.from_counts(correct, 420), majority)
    assert found.startswith(told)
    assert bool(found) == bool(told)


def test_of_one_class_nothing_better_is_asked() -> None:
    assert against_majority(Score.from_counts(3, 3), Majority("a", 100.0, 3)) == ""
