"""The report says what probabilities are worth, and nothing where that was not measured."""

from __future__ import annotations

from typing import Any

import pytest

from edgessl.report.certainty import certainty_in_words

ECE = {"value": 2.5, "low": 1.5, "high": 3.5, "n": 713, "if_perfect": 2.25}
BEFORE = {**ECE, "value": 9.0, "low": 8.0, "high": 10.0}
FOUND: dict[str, Any] = {
    "temperature": 1.5, "images": 241, "ece": ECE, "ece_uncalibrated": BEFORE,
}  # fmt: skip


def test_a_fitted_temperature_is_told_with_both_errors() -> None:
    told = certainty_in_words({"calibration": FOUND})
    assert "2.5 % [1.5, 3.5]" in told
    assert "divided by 1.500, fitted on 241 images of val" in told
    assert "without it the error is 9.0 %" in told


def test_why_there_is_no_temperature_is_told() -> None:
    found = {**FOUND, "temperature": 1.0, "kept": "val has 12 images, and a fit takes 50"}
    assert "No temperature was fitted: val has 12 images" in certainty_in_words(
        {"calibration": found}
    )


@pytest.mark.parametrize("found", [None, 3, [], {}, {"ece": 3}, {**FOUND, "ece": {"value": "x"}}])
def test_damage_costs_no_more_than_the_sentence(found: object) -> None:
    assert certainty_in_words({"calibration": found}) == ""
