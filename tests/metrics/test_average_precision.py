"""Average precision as VOC computes it: all points, difficult images left out, mean of classes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgessl.metrics.tags import average_precision, class_precisions, mean_average_precision


def _ap(shown: list[int], ignored: list[int] | None = None) -> float:
    """Average precision of images in the order of their scores."""
    scores = np.arange(len(shown), 0, -1, dtype=np.float64)
    return average_precision(
        scores, np.array(shown, dtype=bool), np.array(ignored or [0] * len(shown), dtype=bool)
    )


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ([1, 1, 0, 0], 1.0),
        ([0, 1], 1 / 2),
        ([1, 0, 1], (1 + 2 / 3) / 2),
        # Precision 1/2 at the first hit, but 2/3 is reached later: the better one counts for both.
        ([0, 1, 1], 2 / 3),
        ([1, 0, 0, 1, 1], (1 + 3 / 5 + 3 / 5) / 3),
    ],
)
def test_small_rankings_worked_out_by_hand(shown: list[int], expected: float) -> None:
    assert _ap(shown) == pytest.approx(expected)


def test_an_ignored_image_is_neither_right_nor_wrong() -> None:
    assert _ap([0, 1, 0, 1], ignored=[1, 0, 0, 0]) == pytest.approx(_ap([1, 0, 1]))
    assert _ap([1, 1, 0, 1], ignored=[1, 0, 0, 0]) == pytest.approx(_ap([1, 0, 1]))


def test_a_class_that_no_image_shows_has_none_and_is_left_out_of_the_mean() -> None:
    assert np.isnan(_ap([0, 0]))
    assert np.isnan(_ap([1, 0], ignored=[1, 0]))
    scores = np.array([[3.0, 1.0], [2.0, 2.0], [1.0, 3.0]])
    shown = np.array([[True, False], [False, False], [True, False]])
    ignored = np.zeros_like(shown)
    assert class_precisions(scores, shown, ignored)[0] == pytest.approx(5 / 6)
    assert mean_average_precision(scores, shown, ignored).value == pytest.approx(100 * 5 / 6)


def test_it_agrees_with_the_definition_on_random_rankings() -> None:
    draw = np.random.default_rng(0)
    for _ in range(20):
        scores, shown = draw.normal(size=30), draw.random(30) < 0.3
        if shown.any():
            none = np.zeros(30, dtype=bool)
            assert average_precision(scores, shown, none) == pytest.approx(_slow(scores, shown))


def _slow(scores: NDArray[np.float64], shown: NDArray[np.bool_]) -> float:
    """Integrate the best precision at a recall or a higher one over recall."""
    points = []
    for threshold in sorted(scores, reverse=True):
        chosen = scores >= threshold
        right = int((shown & chosen).sum())
        points.append((right / int(shown.sum()), right / int(chosen.sum())))
    area, before = 0.0, 0.0
    for recall, _ in points:
        area += (recall - before) * max(p for r, p in points if r >= recall)
        before = recall
    return area


def test_the_interval_holds_the_value_and_narrows_with_more_images() -> None:
    draw = np.random.default_rng(0)
    widths = []
    for count in (100, 1600):
        shown = draw.random((count, 2)) < 0.3
        scores = shown + draw.normal(size=(count, 2))
        score = mean_average_precision(scores, shown, np.zeros_like(shown))
        assert score.low < score.value < score.high
        assert score.n == count
        widths.append(score.high - score.low)
    assert widths[0] / widths[1] == pytest.approx(4.0, rel=0.4)
