"""How hard each class is under two rows: a line a class (Cole's Figure A5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgessl.page.chart import LineChart, Series, line_chart
from edgessl.report.compare.classes import ClassGain, extremes

WIDTH, HEIGHT, SIDE, TOP, BOTTOM = 480, 250, 130, 12, 222
_LABEL_PX = 12


@dataclass(frozen=True, slots=True)
class Slope:
    """A line from the share under the first row to that under the other; ``y`` downwards.

    Its label stands at ``label_y``, apart from those of other lines.
    """

    kind: str
    y1: float
    y2: float
    tip: str
    label: str
    label_y: float


def slopes(gains: Sequence[ClassGain]) -> list[Slope]:
    """Lay out one line for each class, the hardest and the easiest 5 % last, so on top.

    Args:
        gains: Of all classes.
    """
    hard, easy = extremes(gains)
    lines = []
    for gain in gains:
        kind = "hard" if gain.name in hard else "easy" if gain.name in easy else "plain"
        tip = f"{gain.name}: {gain.before:.0f} to {gain.after:.0f} % of {gain.n}"
        label = gain.name if kind != "plain" and len(hard) <= 2 else ""
        short = label if len(label) <= 18 else f"{label[:17]}…"
        start = _place(gain.before)
        lines.append(Slope(kind, start, _place(gain.after), tip, short, start))
    return sorted(_spread(lines), key=lambda line: line.kind != "plain")


def _spread(lines: Sequence[Slope]) -> list[Slope]:
    """Push labels apart, downwards from the top and then upwards from the bottom."""
    named = sorted((line for line in lines if line.label), key=lambda line: line.y1)
    places: list[float] = []
    for line in named:
        places.append(max(line.y1, places[-1] + _LABEL_PX) if places else line.y1)
    lowest = float(BOTTOM)
    for index in reversed(range(len(places))):
        places[index] = min(places[index], lowest)
        lowest = places[index] - _LABEL_PX
    moved = [replace(line, label_y=y) for line, y in zip(named, places, strict=True)]
    return [*(line for line in lines if not line.label), *moved]


def _place(percent: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * percent / 100, 1)


def gain_curve(gains: Sequence[ClassGain]) -> LineChart | None:
    """Draw the gains of many classes, from the most harmed to the most improved (Figure A4).

    Args:
        gains: The largest first.
    """
    values = [gain.gain for gain in reversed(gains)]
    xs = [100 * (index + 0.5) / len(values) for index in range(len(values))]
    zero = Series("random", "no change", [0.0, 100.0], [0.0, 0.0])
    return line_chart("Gain of each class, points, in order", "percent of classes",
                      [zero, Series("run", "classes", xs, values)])  # fmt: skip
