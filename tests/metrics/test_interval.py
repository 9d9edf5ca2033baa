"""Wilson's interval has the values of the literature and behaves at the ends."""

from __future__ import annotations

from math import sqrt

import pytest

from edgessl.metrics.interval import Score, paired_difference, wilson

Z = 1.959963984540054  # two-sided 95 %


def slow_wilson(correct: int, n: int) -> tuple[float, float]:
    """The two shares at which a score test of the count is just not rejected, in percent."""
    share = correct / n
    denominator = 1 + Z**2 / n
    centre = (share + Z**2 / (2 * n)) / denominator
    half = Z / denominator * sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return 100 * (centre - half), 100 * (centre + half)


@pytest.mark.parametrize("n", [1, 2, 10, 96, 713, 3669, 50_000])
def test_matches_the_formula(n: int) -> None:
    for correct in {0, 1, n // 3, n // 2, n - 1, n}:
        assert wilson(correct, n) == pytest.approx(slow_wilson(correct, n), rel=0, abs=1e-9)


def test_matches_newcombes_published_examples() -> None:
    # Newcombe 1998, Statistics in Medicine 17, Table I, method 3.
    assert wilson(81, 263) == pytest.approx((25.53, 36.62), abs=0.01)
    assert wilson(15, 148) == pytest.approx((6.24, 16.05), abs=0.01)
    assert wilson(0, 20) == pytest.approx((0.0, 16.11), abs=0.01)
    assert wilson(1, 29) == pytest.approx((0.61, 17.18), abs=0.01)


def test_right_and_wrong_answers_are_symmetric() -> None:
    low, high = wilson(13, 40)
    assert wilson(27, 40) == pytest.approx((100 - high, 100 - low))


@pytest.mark.parametrize("n", [1, 3, 713, 100_000])
def test_the_ends_are_exact_and_the_interval_holds_the_value(n: int) -> None:
    assert wilson(0, n)[0] == 0.0
    assert wilson(n, n)[1] == 100.0
    score = Score.from_counts(n // 2, n)
    assert 0.0 <= score.low <= score.value <= score.high <= 100.0


def test_a_paired_difference_of_no_change_is_symmetric_and_holds_zero() -> None:
    low, high = paired_difference(5, 5, 1000)
    assert low == pytest.approx(-high)
    # 11 of 1002 disagree after 0.5 is added to each cell: 1.96 sqrt(11) / 1002.
    assert high == pytest.approx(100 * Z * sqrt(11) / 1002, abs=1e-9)


def test_no_image_leaves_everything_open() -> None:
    assert wilson(0, 0) == (0.0, 100.0)


def test_a_score_is_written_in_percent_with_the_keys_of_the_report() -> None:
    assert Score(50.0, 40.0, 60.0, 96).to_dict() == {
        "value": 50.0, "low": 40.0, "high": 60.0, "n": 96,
    }  # fmt: skip
