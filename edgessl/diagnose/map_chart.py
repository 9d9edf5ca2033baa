"""A plane of images as SVG: a dot each, coloured by class, and some of the images themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIDE, MARGIN = 520, 26
_APART = 46  # px between two images that are always shown
_GOLDEN_DEGREES = 137.508  # hues of neighbouring class numbers lie far apart


@dataclass(frozen=True, slots=True)
class Dot:
    """An image on the plane.

    Attributes:
        x: From the left.
        y: From the top.
        colour: Of its class; empty without labels.
        wrong: Whether its neighbours name another class.
        shown: Whether the image itself is drawn.
        tile: Where it begins on the sheet.
        tip: What it is called.
    """

    x: float
    y: float
    colour: str
    wrong: bool
    shown: bool
    tile: tuple[int, int]
    tip: str


def dots_of(
    points: NDArray[np.float64], labels: Sequence[int] | None, wrong: Sequence[bool],
    tiles: Sequence[tuple[int, int]], tips: Sequence[str],
) -> list[Dot]:
    """Lay out dots; those with an image come last, so on top.

    Args:
        points: ``(M, 2)`` in [0, 1].
        labels: Class of each; None without.
        wrong: Whether the neighbours of each name another class.
        tiles: Where each begins on the sheet.
        tips: What each is called.
    """
    places = MARGIN + points * (SIDE - 2 * MARGIN)
    shown = _apart(places)
    dots = [
        Dot(round(float(x), 1), round(float(y), 1), "" if labels is None else hue(labels[i]),
            wrong[i], i in shown, tiles[i], tips[i])
        for i, (x, y) in enumerate(places)
    ]  # fmt: skip
    return sorted(dots, key=lambda dot: dot.shown)


def hue(label: int) -> str:
    """Return a colour for a class.

    Args:
        label: Its index.
    """
    lightness = (46, 58)[label % 2]
    return f"hsl({label * _GOLDEN_DEGREES % 360:.0f} 62% {lightness}%)"


def _apart(places: NDArray[np.float64]) -> set[int]:
    """Choose points in their order, none within 46 px of one that was chosen."""
    chosen: list[int] = []
    for index, place in enumerate(places):
        if not chosen or np.abs(places[chosen] - place).max(axis=1).min() >= _APART:
            chosen.append(index)
    return set(chosen)
