"""A chart's lines stay inside, its ticks are round, and its labels never cover each other."""

from __future__ import annotations

from itertools import pairwise

import pytest

from edgessl.page.chart import (
    BOTTOM,
    HEIGHT,
    LABEL_PX,
    LEFT,
    MAX_POINTS,
    RIGHT,
    TOP,
    WIDTH,
    LineChart,
    Reference,
    Series,
    line_chart,
)


def drawn(*series: Series, references: tuple[Reference, ...] = ()) -> LineChart:
    chart = line_chart("a title", "epoch", series, references)
    assert chart is not None
    return chart


def curve(values: list[float], label: str = "loss") -> Series:
    return Series("run", label, [float(index) for index in range(len(values))], values)


def points(chart: LineChart) -> list[tuple[float, float]]:
    pairs = [pair.split(",") for path in chart.paths for pair in path.points.split()]
    return [(float(x), float(y)) for x, y in pairs]


@pytest.mark.parametrize(
    "values", [[5.0, 4.0, 2.5], [1e-4, 3e-4], [2.0, 2.0], [7.0], [-3.0, 900.0]]
)
def test_every_point_lies_in_the_drawing_area(values: list[float]) -> None:
    for x, y in points(drawn(curve(values))):
        assert LEFT <= x <= WIDTH - RIGHT
        assert TOP <= y <= HEIGHT - BOTTOM


def test_a_higher_value_is_drawn_higher_up() -> None:
    (_, first), (_, second) = points(drawn(curve([1.0, 2.0])))
    assert second < first


def test_ticks_are_round_and_start_at_the_origin() -> None:
    chart = drawn(Series("run", "kNN", [2.0, 30.0], [34.0, 58.0]))
    assert [tick.text for tick in chart.x_ticks] == ["0", "10", "20", "30"]
    assert all(float(tick.text) % 10 == 0 for tick in chart.y_ticks)


def test_a_single_point_has_an_axis_from_the_start_of_training() -> None:
    chart = drawn(Series("run", "kNN", [1.0], [24.6]))
    assert [tick.text for tick in chart.x_ticks] == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    assert points(chart)[0][0] == WIDTH - RIGHT


def test_labels_of_equal_ends_are_pushed_apart_and_stay_inside() -> None:
    references = tuple(Reference("random", f"line {index}", 0.01 * index) for index in range(6))
    labels = drawn(curve([3.0, 0.0]), references=references).labels
    assert all(b.y - a.y >= LABEL_PX - 0.11 for a, b in pairwise(labels))
    assert all(0 < label.y <= HEIGHT - BOTTOM for label in labels)


def test_values_that_are_not_numbers_are_left_out() -> None:
    chart = drawn(curve([3.0, float("nan"), float("inf"), 1.0]))
    assert len(points(chart)) == 2


def test_nothing_to_draw_gives_no_chart() -> None:
    assert line_chart("a title", "epoch", [curve([]), curve([float("nan")])]) is None


def test_long_curves_are_thinned_but_keep_their_ends() -> None:
    chart = drawn(curve([float(index % 7) for index in range(10_000)] + [6.0]))
    xs = [x for x, _ in points(chart)]
    assert len(xs) <= MAX_POINTS + 1
    assert (xs[0], xs[-1]) == (LEFT, WIDTH - RIGHT)


def test_a_smoothed_curve_keeps_its_level_over_a_faint_original() -> None:
    values = [1.0 + 0.5 * (-1) ** index for index in range(400)]
    chart = drawn(Series("run", "loss", [float(i) for i in range(400)], values, smooth=True))
    assert [path.faint for path in chart.paths] == [True, False]
    assert chart.labels[0].text == "loss 1.0"


def test_the_summary_says_where_every_line_ends() -> None:
    chart = drawn(curve([3.0, 1.5]), references=(Reference("random", "random start", 2.0),))
    assert chart.summary == "a title. At the end: loss 1.5, random start 2.0."
