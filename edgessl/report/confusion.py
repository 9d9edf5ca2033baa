"""Which classes are taken for which: a heat map, the worst pairs in words, and each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgessl.metrics.interval import wilson

_SIDE = 620  # of the square of cells, where names leave room
_MOST = 10**12  # images of a pair of classes; sums stay exact
_SHORT = 22  # longer names are cut in the heat map


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell with images in it; ``share`` of its row, 0 to 1, ``size`` in drawing units."""

    x: float
    y: float
    share: float
    count: int
    correct: bool
    tip: str


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A confusion matrix, ready for SVG.

    Attributes:
        size: Side of a cell.
        margin: Room for the names, left and on top.
        side: Side of the square of cells.
        names: Class names, cut to fit, with the position of the middle of their row.
        cells: Cells that hold images.
        with_counts: Whether the cells have room for numbers.
        font: Size of the names.
    """

    size: float
    margin: float
    side: float
    names: tuple[tuple[str, float], ...]
    cells: tuple[Cell, ...]
    with_counts: bool
    font: float


@dataclass(frozen=True, slots=True)
class Pair:
    """``count`` of the ``total`` images of class ``true`` were called ``predicted``."""

    true: str
    predicted: str
    count: int
    total: int


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Recall of one class in percent with its Wilson interval."""

    name: str
    value: float
    low: float
    high: float
    n: int


def read_matrix(confusion: object, classes: Sequence[str]) -> NDArray[np.int64] | None:
    """Return the counts as an array, or None if they are not a matrix over the classes.

    Args:
        confusion: From ``report.json``: rows true, columns predicted.
        classes: Class names, in order.
    """
    if not isinstance(confusion, list) or not classes:
        return None
    try:
        matrix = np.asarray(confusion, dtype=np.int64)
    except (ValueError, TypeError, OverflowError):
        return None
    square = matrix.shape == (len(classes), len(classes))
    counts = square and matrix.min() >= 0 and matrix.max() <= _MOST and matrix.sum() > 0
    return matrix if counts else None


def heat_map(matrix: NDArray[np.int64], classes: Sequence[str]) -> HeatMap:
    """Lay out the matrix; shares are of each row, so that rare classes show as well.

    Args:
        matrix: ``(K, K)`` counts: rows true, columns predicted.
        classes: Class names, in order.
    """
    size = min(44.0, max(5.0, _SIDE / len(classes)))
    font = min(12.0, max(4.0, size * 0.8))
    names = [_cut(name) for name in classes]
    margin = 12 + 0.56 * font * max(len(name) for name in names)
    totals = matrix.sum(axis=1)
    cells = tuple(
        Cell(
            x=round(column * size, 2),
            y=round(row * size, 2),
            share=round(float(matrix[row, column] / totals[row]), 3),
            count=int(matrix[row, column]),
            correct=row == column,
            tip=f"{matrix[row, column]} of {totals[row]} images of '{classes[row]}' "
            f"called '{classes[column]}'",
        )
        for row, column in map(tuple, np.argwhere(matrix))
    )
    return HeatMap(
        size=round(size, 2),
        margin=round(margin, 1),
        side=round(size * len(classes), 2),
        names=tuple((name, round((i + 0.5) * size, 2)) for i, name in enumerate(names)),
        cells=cells,
        with_counts=size >= 22,
        font=round(font, 1),
    )


def confused_pairs(matrix: NDArray[np.int64], classes: Sequence[str], most: int = 6) -> list[Pair]:
    """List the most frequent mistakes, the largest share of a class first.

    Args:
        matrix: ``(K, K)`` counts: rows true, columns predicted.
        classes: Class names, in order.
        most: Length of the list; single images are no pattern and are left out.
    """
    totals = matrix.sum(axis=1)
    pairs = [
        Pair(classes[row], classes[column], int(matrix[row, column]), int(totals[row]))
        for row, column in map(tuple, np.argwhere(matrix > 1))
        if row != column
    ]
    return sorted(pairs, key=lambda pair: (-pair.count / pair.total, -pair.count, pair.true))[:most]


def class_scores(matrix: NDArray[np.int64], classes: Sequence[str]) -> list[ClassScore]:
    """Score each class that has test images, the worst first.

    Args:
        matrix: ``(K, K)`` counts: rows true, columns predicted.
        classes: Class names, in order.
    """
    scores = []
    for index, name in enumerate(classes):
        correct, n = int(matrix[index, index]), int(matrix[index].sum())
        if n:
            low, high = wilson(correct, n)
            scores.append(ClassScore(name, 100 * correct / n, low, high, n))
    return sorted(scores, key=lambda score: (score.value, score.name))


def _cut(name: str) -> str:
    return name if len(name) <= _SHORT else name[: _SHORT - 1] + "…"
