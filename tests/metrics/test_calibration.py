"""A temperature is found again, answers stay, and the calibration error is what it says."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgessl.metrics.answered import confidence_below, score_answered
from edgessl.metrics.calibration import (
    MIN_IMAGES,
    calibration_error,
    calibration_of,
    expected_calibration_error,
    fit_temperature,
    softmax,
)


def drawn(
    n: int, temperature: float, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits that are too large by a factor, and labels drawn from what is meant."""
    generator = np.random.default_rng(seed)
    logits = 2 * generator.standard_normal((n, 5))
    labels = np.array([generator.choice(5, p=row) for row in softmax(logits)])
    return logits * temperature, labels


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_that_logits_were_drawn_with_is_found(temperature: float) -> None:
    logits, labels = drawn(4000, temperature)
    found = fit_temperature(logits, labels)
    assert found.value == pytest.approx(temperature, rel=0.1)
    assert found.nll is not None
    assert found.nll_before is not None
    assert found.nll <= found.nll_before + 1e-9


def test_overconfident_answers_are_better_calibrated_afterwards_and_stay_the_same() -> None:
    logits, labels = drawn(2000, 3.0)
    temperature = fit_temperature(*drawn(500, 3.0, seed=1)).value
    before, after = calibration_of(logits, labels), calibration_of(logits, labels, temperature)
    assert after.score.high < before.score.low
    assert ((logits / temperature).argmax(axis=1) == logits.argmax(axis=1)).all()


def test_too_few_images_keep_one_and_say_so() -> None:
    found = fit_temperature(*drawn(MIN_IMAGES - 1, 3.0))
    assert (found.value, found.nll) == (1.0, None)
    assert f"{MIN_IMAGES - 1} images" in found.kept


@pytest.mark.parametrize(("shift", "word"), [(0, "right"), (1, "wrong")])
def test_a_likelihood_without_an_optimum_keeps_one(shift: int, word: str) -> None:
    logits, _ = drawn(100, 1.0)
    found = fit_temperature(logits, (logits.argmax(axis=1) + shift) % 5)
    assert found.value == 1.0
    assert word in found.kept


def test_the_error_of_one_confidence_is_its_distance_from_the_accuracy() -> None:
    right = np.array([1.0, 1.0, 1.0, 0.0] * 15)
    assert expected_calibration_error(np.full(60, 0.95), right) == pytest.approx(20.0)


def test_bins_hold_equally_many_answers() -> None:
    # 30 answers, two a bin: in each one is right, at a confidence of 0.5 and up.
    confidences = np.repeat(np.linspace(0.5, 0.9, 15), 2)
    right = np.tile([0.0, 1.0], 15)
    expected = 100 * float(np.mean(np.linspace(0.5, 0.9, 15) - 0.5))
    assert expected_calibration_error(confidences, right) == pytest.approx(expected)


def test_the_interval_holds_the_value_and_the_value_is_never_zero_by_chance() -> None:
    logits, labels = drawn(300, 1.0)
    found = calibration_of(logits, labels)
    assert found.score.low <= found.score.value <= found.score.high
    assert 1.0 < found.if_perfect < 10.0
    assert found.score.value == pytest.approx(found.if_perfect, abs=3.0)


def test_one_answer_has_an_error_too() -> None:
    found = calibration_error(np.array([0.7]), np.array([True]))
    assert found.score.value == pytest.approx(30.0)


def test_no_more_than_the_share_asked_for_is_below_the_threshold() -> None:
    confidences = np.random.default_rng(0).random(200)
    below = confidence_below(confidences, 5.0)
    assert 0.04 < (confidences < below).mean() <= 0.05


def test_answers_below_the_threshold_do_not_count() -> None:
    right = np.array([True, False, False, True])
    found = score_answered(np.array([0.9, 0.8, 0.3, 0.2]), right, 0.5)
    assert found.coverage.value == 50.0
    assert found.accuracy is not None
    assert found.accuracy.value == 50.0


def test_a_threshold_that_nothing_reaches_leaves_no_accuracy() -> None:
    found = score_answered(np.array([0.4]), np.array([True]), 0.5)
    assert found.coverage.value == 0.0
    assert found.accuracy is None
