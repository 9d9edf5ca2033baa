"""Thresholds are those with the highest F1, and decisions are counted as they are made."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgessl.metrics.tag_thresholds import EVEN, best_thresholds, class_decisions
from edgessl.metrics.tags import (
    class_precisions,
    eleven_point_precision,
    map_difference,
    map_of_chance,
    mean_average_precision,
)


def column(*values: float) -> NDArray[np.float64]:
    return np.array(values, np.float64)[:, None]


def marks(*values: int) -> NDArray[np.bool_]:
    return np.array(values, bool)[:, None]


NONE = np.zeros((5, 1), bool)


def f1(chances: NDArray[np.float64], shown: NDArray[np.bool_], level: float) -> float:
    said = chances >= level
    return float(2 * (said & shown).sum() / max(1, said.sum() + shown.sum()))


def test_no_other_threshold_has_a_higher_f1() -> None:
    draw = np.random.default_rng(0)
    chances = draw.random((40, 6)).round(1)  # many are equal
    shown = draw.random((40, 6)) < chances
    ignored = np.zeros_like(shown)
    for k, level in enumerate(best_thresholds(chances, shown, ignored)):
        best = max(f1(chances[:, k], shown[:, k], one) for one in np.linspace(0, 1.01, 203))
        assert f1(chances[:, k], shown[:, k], level) == pytest.approx(best)


def test_it_lies_between_the_last_image_that_is_let_in_and_the_next() -> None:
    found = best_thresholds(column(0.9, 0.8, 0.4, 0.3, 0.1), marks(1, 1, 0, 0, 0), NONE)
    assert found == (pytest.approx(0.6),)


def test_a_class_that_all_show_or_none_shows() -> None:
    chances = column(0.9, 0.8, 0.4, 0.3, 0.2)
    assert best_thresholds(chances, marks(1, 1, 1, 1, 1), NONE) == (pytest.approx(0.1),)
    assert best_thresholds(chances, marks(0, 0, 0, 0, 0), NONE) == (EVEN,)


def test_difficult_images_do_not_count() -> None:
    ignored = marks(1, 0, 0, 0, 0)
    found = best_thresholds(column(0.9, 0.8, 0.4, 0.3, 0.1), marks(0, 1, 0, 0, 0), ignored)
    assert found == (pytest.approx(0.6),)


def test_decisions_at_a_threshold_are_counted() -> None:
    chances, shown = column(0.9, 0.8, 0.4, 0.3, 0.1), marks(1, 0, 1, 1, 0)
    (one,) = class_decisions(("cell",), chances, (0.35,), shown, NONE)
    assert (one.precision, one.recall) == (pytest.approx(200 / 3), pytest.approx(200 / 3))
    assert (one.shown, one.n) == (3, 5)
    (none,) = class_decisions(("cell",), chances, (0.95,), marks(0, 0, 0, 0, 0), NONE)
    assert (none.average_precision, none.precision, none.recall, none.f1) == (None,) * 4


def test_eleven_points_of_a_ranking_worked_out_by_hand() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    shown = np.array([True, False, True, False])
    # Precision 1 up to recall 0.5 (6 points), 2/3 up to 1 (5 points).
    found = eleven_point_precision(scores, shown, np.zeros(4, bool))
    assert found == pytest.approx((6 + 5 * 2 / 3) / 11)


def test_the_difference_of_two_classifiers_is_paired() -> None:
    draw = np.random.default_rng(0)
    shown = draw.random((80, 3)) < 0.4
    good = shown + 0.3 * draw.standard_normal((80, 3))
    bad = shown + 1.5 * draw.standard_normal((80, 3))
    ignored = np.zeros_like(shown)
    found = map_difference(good, bad, shown, ignored)
    both = [mean_average_precision(one, shown, ignored).value for one in (good, bad)]
    assert found["value"] == pytest.approx(both[0] - both[1])
    assert 0 < found["low"] < found["value"] < found["high"]
    same = map_difference(good, good, shown, ignored)
    assert (same["value"], same["low"], same["high"], same["n"]) == (0.0, 0.0, 0.0, 80)


def test_a_class_that_no_image_shows_has_no_precision() -> None:
    found = class_precisions(column(0.5, 0.4), marks(0, 0), NONE[:2], eleven_point_precision)
    assert np.isnan(found).all()


def test_a_ranking_by_chance_gets_about_the_share_of_images_that_show_a_class() -> None:
    draw = np.random.default_rng(0)
    shown = draw.random((4000, 2)) < (0.2, 0.7)
    ignored = np.zeros_like(shown)
    by_chance = map_of_chance(shown, ignored)
    assert by_chance == pytest.approx(100 * shown.mean(axis=0).mean())
    found = 100 * class_precisions(draw.random((4000, 2)), shown, ignored).mean()
    assert found == pytest.approx(by_chance, abs=2.0)
