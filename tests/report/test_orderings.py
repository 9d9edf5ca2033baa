"""Rows are compared with the paper's order, and sentences of its text are judged by our numbers."""

from __future__ import annotations

from typing import Any

import pytest

from edgessl.recipe.study import Above, Peak, Study, Trend
from edgessl.recipe.study_row import Row
from edgessl.report.study.orderings import Ordering, in_a_sentence, ordering, said
from edgessl.report.study.outcome import Outcome


def found(name: str, paper: float | None, value: float | None, **more: Any) -> Outcome:
    return Outcome(name, more.pop("column", ""), more.pop("series", ""), more.pop("x", None),
                   "finetune", paper, "Table 1", value, **more)  # fmt: skip


def test_the_same_order_has_tau_one() -> None:
    order = ordering([found("a", 1, 10), found("b", 2, 20), found("c", 3, 30)])
    assert (order.pairs, order.agree, order.tau) == (3, 3, 1.0)


def test_the_opposite_order_has_tau_minus_one() -> None:
    assert ordering([found("a", 1, 30), found("b", 2, 20)]).tau == -1.0


def test_a_pair_that_the_paper_ties_orders_nothing() -> None:
    assert ordering([found("a", 1, 30), found("b", 1, 20)]).tau is None


def test_our_tie_counts_as_neither() -> None:
    order = ordering([found("a", 1, 20), found("b", 2, 20)])
    assert (order.agree, order.disagree, order.tied, order.tau) == (0, 0, 1, 0.0)


def test_rows_of_different_columns_are_not_compared() -> None:
    assert not ordering([found("a", 1, 1, column="x"), found("b", 2, 2, column="y")]).pairs


def test_rows_without_a_number_do_not_count() -> None:
    assert not ordering([found("a", 1, None), found("b", None, 2), found("c", 3, 3)]).pairs


def test_pairs_whose_intervals_are_apart_are_told_apart() -> None:
    rows = [found("a", 1, 10, low=5, high=15), found("b", 2, 20, low=16, high=24),
            found("c", 3, 19, low=12, high=26)]  # fmt: skip
    order = ordering(rows)
    assert (order.clear, order.clear_agree, order.agree) == (1, 1, 2)
    assert "of the 1 whose intervals are apart here, 1" in in_a_sentence(order)


def test_few_pairs_are_said_to_be_few() -> None:
    assert in_a_sentence(Ordering(1, 0, 0, 0, 0)).endswith("Too few to tell.")


POINTS = [found(f"{series}{x}", None, y, series=series, x=x)
          for series, ys in (("one", (1.0, 2.0, 5.0)), ("two", (1.0, 1.5, 2.0)))
          for x, y in zip((1.0, 2.0, 3.0), ys, strict=True)]  # fmt: skip


def study(**claims: Any) -> Study:
    rows = tuple(
        Row(name=one.name, recipe="r", series=one.series, x=one.x) for one in POINTS
    )
    return Study(title="t", place="Figure 1", data="A", rows=rows, **claims)


@pytest.mark.parametrize(("goes", "holds"), [("up", True), ("down", False)])
def test_a_trend_is_judged_over_all_pairs_of_points(goes: Any, holds: bool) -> None:
    wanted = study(trends=(Trend(series="one", goes=goes, at="s"),))
    assert said(wanted, POINTS)[0].holds is holds


def test_a_gap_is_a_trend_of_differences() -> None:
    wanted = study(trends=(Trend(series="one", minus="two", goes="up", at="s"),))
    judged = said(wanted, POINTS)[0]
    assert judged.holds
    assert judged.figures.startswith("0.0, 0.5, 3.0;")


@pytest.mark.parametrize(("places", "holds"), [((3.0,), True), ((1.0, 2.0), False)])
def test_a_peak_is_where_our_curve_is_highest(places: tuple[float, ...], holds: bool) -> None:
    wanted = study(peaks=(Peak(series="one", x=places, at="s"),))
    assert said(wanted, POINTS)[0].holds is holds


def test_what_is_not_measured_yet_stays_open() -> None:
    wanted = study(above=(Above(row="one1.0", than="two1.0", at="s"),))
    assert said(wanted, POINTS[:1])[0].holds is None


def test_rows_whose_intervals_overlap_show_nothing_either_way() -> None:
    wanted = study(above=(Above(row="one1.0", than="two1.0", at="s"),))
    rows = [found("one1.0", None, 5, low=3, high=7), found("two1.0", None, 4, low=2, high=6)]
    assert said(wanted, rows)[0].holds is None
    apart = [rows[0], found("two1.0", None, 1, low=0, high=2)]
    assert said(wanted, apart)[0].holds is True


def test_costs_take_no_part_in_the_order() -> None:
    cost = [Outcome(name, "", "", None, "macs", value, "Table 1", value)
            for name, value in (("a", 1.0), ("b", 2.0))]  # fmt: skip
    assert not ordering(cost).pairs
