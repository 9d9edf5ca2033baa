"""Whether rows stand in the paper's order, and whether what it says of curves holds here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from edgessl.recipe.study import Above, Peak, Study, Trend
from edgessl.recipe.study_row import WITHOUT_TRAINING
from edgessl.report.study.outcome import Outcome

_SOME_PAIRS = 3  # fewer say nothing


@dataclass(frozen=True, slots=True)
class Ordering:
    """Pairs of rows that the paper orders.

    Attributes:
        agree: Those that stand in the same order here.
        disagree: Those in the other.
        tied: Those with the same number here.
        clear: Pairs whose intervals do not overlap here.
        clear_agree: Of them, those in the paper's order.
    """

    agree: int
    disagree: int
    tied: int
    clear: int
    clear_agree: int

    @property
    def pairs(self) -> int:
        """All of them."""
        return self.agree + self.disagree + self.tied

    @property
    def tau(self) -> float | None:
        """Kendall's tau-a: 1 for the same order, -1 for the opposite; None without a pair."""
        return (self.agree - self.disagree) / self.pairs if self.pairs else None


def ordering(outcomes: Sequence[Outcome]) -> Ordering:
    """Compare the order of rows with the paper's; only rows of one column and score compare.

    Args:
        outcomes: Of a study; those without one of the two numbers do not count, nor costs.
    """
    both = [
        one for one in outcomes
        if one.paper is not None and one.value is not None and one.score not in WITHOUT_TRAINING
    ]  # fmt: skip
    agree = disagree = tied = clear = clear_agree = 0
    for first, second in combinations(both, 2):
        same = (first.column, first.score) == (second.column, second.score)
        paper = _sign((first.paper or 0.0) - (second.paper or 0.0))
        if not same or not paper:
            continue
        ours = _sign((first.value or 0.0) - (second.value or 0.0))
        agree += ours == paper
        disagree += ours == -paper
        tied += not ours
        if _apart(first, second):
            clear += 1
            clear_agree += ours == paper
    return Ordering(agree, disagree, tied, clear, clear_agree)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _apart(first: Outcome, second: Outcome) -> bool:
    ends = (first.low, first.high, second.low, second.high)
    if any(end is None for end in ends):
        return False
    return bool(first.low > second.high or second.low > first.high)  # type: ignore[operator]


def in_a_sentence(found: Ordering) -> str:
    """Say how far the orders agree.

    Args:
        found: The comparison.
    """
    if found.tau is None:
        return "No two rows have both the paper's number and ours, so no order can be compared."
    ties = f", {found.tied} tie" if found.tied else ""
    told = (
        f"Of {found.pairs} pairs of rows that the paper orders, {found.agree} stand in the same "
        f"order here (Kendall's tau {found.tau:+.2f}{ties})"
    )
    clear = (
        f"; of the {found.clear} whose intervals are apart here, {found.clear_agree}"
        if found.clear else "; no pair's intervals are apart here"
    )  # fmt: skip
    few = " Too few to tell." if found.pairs < _SOME_PAIRS else ""
    return f"{told}{clear}.{few}"


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of the paper, and whether it holds here.

    Attributes:
        text: What it says.
        at: Where.
        holds: Whether it does; None where it is not shown either way.
        figures: What that rests on.
    """

    text: str
    at: str
    holds: bool | None
    figures: str


def said(study: Study, outcomes: Sequence[Outcome]) -> list[Said]:
    """Judge what the paper says in words.

    Args:
        study: Says what.
        outcomes: Of its rows.
    """
    return [
        *(_trend(one, outcomes) for one in study.trends),
        *(_peak(one, outcomes) for one in study.peaks),
        *(_above(one, outcomes) for one in study.above),
    ]


def points_of(series: str, outcomes: Sequence[Outcome]) -> dict[float, float]:
    """Return a curve as we measured it, by ``x`` ascending; the mean where a place has several.

    Args:
        series: Its name.
        outcomes: Of a study.
    """
    found: dict[float, list[float]] = {}
    for one in outcomes:
        if one.series == series and one.x is not None and one.value is not None:
            found.setdefault(one.x, []).append(one.value)
    return {x: sum(values) / len(values) for x, values in sorted(found.items())}


def _trend(one: Trend, outcomes: Sequence[Outcome]) -> Said:
    points = points_of(one.series, outcomes)
    name = one.series
    if one.minus:
        others = points_of(one.minus, outcomes)
        points = {x: y - others[x] for x, y in points.items() if x in others}
        name = f"the gap between {one.series} and {one.minus}"
    way = "rises" if one.goes == "up" else "falls"
    text = f"{name} {way} from left to right"
    if len(points) < 2:
        return Said(text, one.at, None, "fewer than two points here")
    signs = [*_signs(list(points.values()))]
    tau = sum(signs) / len(signs)
    figures = f"{', '.join(f'{y:.1f}' for y in points.values())}; Kendall's tau {tau:+.2f}"
    return Said(text, one.at, tau > 0 if one.goes == "up" else tau < 0, figures)


def _signs(values: list[float]) -> Iterator[int]:
    return (_sign(later - earlier) for earlier, later in combinations(values, 2))


def _peak(one: Peak, outcomes: Sequence[Outcome]) -> Said:
    points = points_of(one.series, outcomes)
    places = " or ".join(f"{x:g}" for x in one.x)
    text = f"{one.series} is highest at {places}"
    if len(points) < 2:
        return Said(text, one.at, None, "fewer than two points here")
    best = max(points, key=lambda x: points[x])
    return Said(text, one.at, best in one.x, f"highest here at {best:g}, {points[best]:.1f}")


def _above(one: Above, outcomes: Sequence[Outcome]) -> Said:
    known = {found.key: found for found in outcomes}
    first, second = known.get(one.row), known.get(one.than)
    text = f"{one.row} is above {one.than}"
    if first is None or second is None or first.value is None or second.value is None:
        return Said(text, one.at, None, "not both measured here")
    figures = f"{first.value:.1f} and {second.value:.1f}"
    if first.low is not None and second.low is not None and not _apart(first, second):
        return Said(text, one.at, None, f"{figures}; their intervals overlap")
    return Said(text, one.at, first.value > second.value, figures)
