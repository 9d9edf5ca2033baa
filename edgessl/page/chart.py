"""Geometry of a line chart: numbers in, positions in a fixed drawing area out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10

WIDTH, HEIGHT = 480, 250
LEFT, RIGHT, TOP, BOTTOM = 40, 132, 14, 38  # margins; the right one holds the labels
LABEL_PX = 13  # least distance between two labels
MAX_POINTS = 240


@dataclass(frozen=True, slots=True)
class Series:
    """One measured curve.

    Attributes:
        kind: Style class.
        label: Its name, written at its end.
        xs: Positions, ascending, from 0 on.
        ys: Values, as many.
        smooth: Draw a moving average over a faint line of the values.
    """

    kind: str
    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    smooth: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """A horizontal line to compare with.

    Attributes:
        kind: Style class.
        label: Its name.
        y: Its value.
    """

    kind: str
    label: str
    y: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A value on an axis and where it is drawn."""

    position: float
    text: str


@dataclass(frozen=True, slots=True)
class Path:
    """A curve as SVG points."""

    kind: str
    points: str
    faint: bool


@dataclass(frozen=True, slots=True)
class Label:
    """Text beside the end of a line. ``y`` is where it is written, ``anchor`` the line's end."""

    kind: str
    text: str
    y: float
    anchor: float


@dataclass(frozen=True, slots=True)
class LineChart:
    """A drawing of WIDTH x HEIGHT units, ready for SVG.

    Attributes:
        title: Says what is shown.
        x_title: Unit of the horizontal axis.
        x_ticks: Its values.
        y_ticks: Values of the vertical axis.
        paths: Curves, faint ones first.
        references: Horizontal lines, as positions by kind.
        dots: Single measured points.
        labels: Names beside the ends of the lines.
        summary: The chart in a sentence, for those who cannot see it.
    """

    title: str
    x_title: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    paths: tuple[Path, ...]
    references: tuple[tuple[str, float], ...]
    dots: tuple[tuple[str, float, float], ...]
    labels: tuple[Label, ...]
    summary: str

    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


def line_chart(
    title: str,
    x_title: str,
    series: Sequence[Series],
    references: Sequence[Reference] = (),
    *,
    from_zero: bool = False,
    digits: int = 1,
    whole_x: bool = False,
) -> LineChart | None:
    """Lay out a chart.

    Args:
        title: Says what is shown.
        x_title: Unit of the horizontal axis.
        series: Curves; values that are not finite are left out.
        references: Horizontal lines.
        from_zero: Let the vertical axis begin at zero.
        digits: Decimals of the values written at the ends of lines.
        whole_x: Let the horizontal axis have whole numbers only.

    Returns:
        The chart, or None where there is nothing to draw.
    """
    series = [finite for one in series if (finite := _finite(one)).xs]
    if not series:
        return None
    values = [y for one in series for y in one.ys] + [line.y for line in references]
    y_low, y_high, y_step = axis(0.0 if from_zero else min(values), max(values), 4)
    x_low, x_last = 0.0, max(one.xs[-1] for one in series) or 1.0

    def place_x(x: float) -> float:
        return round(LEFT + (x - x_low) / (x_last - x_low) * (WIDTH - LEFT - RIGHT), 1)

    def place_y(y: float) -> float:
        return round(HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM), 1)

    paths, dots, labels = [], [], []
    for one in series:
        drawn = _smoothed(one) if one.smooth else one
        for line, faint in ((one, True), (drawn, False)) if one.smooth else ((one, False),):
            points = " ".join(f"{place_x(x)},{place_y(y)}" for x, y in _thinned(line.xs, line.ys))
            paths.append(Path(one.kind, points, faint))
        if not one.smooth and len(one.xs) <= 24:
            dots += [
                (one.kind, place_x(x), place_y(y)) for x, y in zip(one.xs, one.ys, strict=True)
            ]
        end = drawn.ys[-1]
        labels.append(Label(one.kind, f"{one.label} {end:.{digits}f}", 0.0, place_y(end)))
    labels += [
        Label(line.kind, f"{line.label} {line.y:.{digits}f}", 0.0, place_y(line.y))
        for line in references
    ]
    x_step = axis(x_low, x_last, 5)[2]
    x_step = max(1.0, x_step) if whole_x else x_step
    return LineChart(
        title=title,
        x_title=x_title,
        x_ticks=tuple(Tick(place_x(x), tick_text(x, x_step)) for x in steps(x_low, x_last, x_step)),
        y_ticks=tuple(Tick(place_y(y), tick_text(y, y_step)) for y in steps(y_low, y_high, y_step)),
        paths=tuple(sorted(paths, key=lambda path: not path.faint)),
        references=tuple((line.kind, place_y(line.y)) for line in references),
        dots=tuple(dots),
        labels=_spread(labels),
        summary=f"{title}. At the end: " + ", ".join(label.text for label in labels) + ".",
    )


def _finite(series: Series) -> Series:
    pairs = [
        (x, y) for x, y in zip(series.xs, series.ys, strict=True) if isfinite(x) and isfinite(y)
    ]
    xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
    return Series(series.kind, series.label, xs, ys, series.smooth)


def _smoothed(series: Series) -> Series:
    """Average over a centred window of a twentieth of the curve, cut off at its ends."""
    reach = len(series.ys) // 40
    windows = (series.ys[max(0, i - reach) : i + reach + 1] for i in range(len(series.ys)))
    ys = [sum(window) / len(window) for window in windows]
    return Series(series.kind, series.label, series.xs, ys)


def _thinned(xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
    """Keep at most MAX_POINTS points, the first and the last among them."""
    stride = max(1, -(-len(xs) // MAX_POINTS))
    chosen = [*range(0, len(xs) - 1, stride), len(xs) - 1]
    return [(xs[index], ys[index]) for index in chosen]


def axis(low: float, high: float, wanted: int) -> tuple[float, float, float]:
    """Widen a range to round numbers.

    Args:
        low: Its lower end.
        high: Its upper end.
        wanted: Steps between them, about.

    Returns:
        Its ends, and the step between ticks.
    """
    if high <= low:
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / wanted
    scale = 10.0 ** floor(log10(raw))
    step = next(factor * scale for factor in (1, 2, 2.5, 5, 10) if factor * scale >= raw * 0.999)
    return floor(low / step) * step, -floor(-high / step) * step, step


def steps(low: float, high: float, step: float) -> list[float]:
    """Return the multiples of a step in a range.

    Args:
        low: Its lower end.
        high: Its upper end.
        step: Between two of them.
    """
    first = -floor(-low / step + 1e-9)
    return [index * step for index in range(first, floor(high / step + 1e-9) + 1)]


def tick_text(value: float, step: float) -> str:
    """Write a value with as many decimals as its step has.

    Args:
        value: The value.
        step: Between two ticks.
    """
    decimals = next((digits for digits in range(6) if abs(round(step, digits) - step) < 1e-9), 6)
    return f"{value + 0.0:.{decimals}f}"


def _spread(labels: list[Label]) -> tuple[Label, ...]:
    """Push labels apart until none covers another, inside the drawing."""
    ordered = sorted(labels, key=lambda label: label.anchor)
    lowest = float(HEIGHT - BOTTOM)
    places: list[float] = []
    for label in ordered:
        places.append(max(label.anchor, places[-1] + LABEL_PX) if places else label.anchor)
    for index in reversed(range(len(places))):
        places[index] = min(places[index], lowest)
        lowest = places[index] - LABEL_PX
    return tuple(
        Label(label.kind, label.text, round(place, 1), label.anchor)
        for label, place in zip(ordered, places, strict=True)
    )
