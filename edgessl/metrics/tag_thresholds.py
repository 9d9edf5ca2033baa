"""From which probability on a class counts as shown, and how right such decisions are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgessl.metrics.tags import average_precision

EVEN = 0.5
"""The threshold of a class of which nothing is known."""


def best_thresholds(
    chances: NDArray[np.float64], shown: NDArray[np.bool_], ignored: NDArray[np.bool_]
) -> tuple[float, ...]:
    """Choose for every class the threshold with the highest F1; the lowest of equals.

    It lies in the middle between the last image that is let in and the next one.

    Args:
        chances: Probabilities, ``(N, K)``.
        shown: ``(N, K)``.
        ignored: Images that do not count for a class, ``(N, K)``.

    Returns:
        One for each class, in (0, 1); ``EVEN`` where no image shows it, or all are let in.
    """
    columns = range(chances.shape[1])
    return tuple(
        _best(chances[~ignored[:, k], k], shown[~ignored[:, k], k]) for k in columns
    )


def _best(chances: NDArray[np.float64], shown: NDArray[np.bool_]) -> float:
    if not shown.any():
        return EVEN
    order = np.argsort(-chances, kind="stable")
    ranked, hits = chances[order], np.cumsum(shown[order])
    f1 = 2.0 * hits / (np.arange(1, len(ranked) + 1) + shown.sum())
    f1[:-1][ranked[:-1] == ranked[1:]] = -1.0  # equal ones are let in together
    last = len(f1) - 1 - int(np.argmax(f1[::-1]))
    if last == len(f1) - 1:  # all: as low as need be, but no lower than half of the lowest
        return float(min(EVEN, ranked[-1] / 2.0))
    return float((ranked[last] + ranked[last + 1]) / 2.0)


@dataclass(frozen=True, slots=True)
class ClassDecisions:
    """How one class is recognised.

    Attributes:
        name: Of the class.
        average_precision: In percent; None where no image shows it.
        threshold: Probability from which on it counts as shown.
        precision: Share of the images said to show it that do, in percent; None where none is.
        recall: Share of the images that show it that are said to, in percent; None where none does.
        f1: Their harmonic mean, in percent; None where no image shows it.
        shown: Images that show it.
        n: Images that count.
    """

    name: str
    average_precision: float | None
    threshold: float
    precision: float | None
    recall: float | None
    f1: float | None
    shown: int
    n: int


def class_decisions(
    names: tuple[str, ...],
    chances: NDArray[np.float64],
    thresholds: tuple[float, ...],
    shown: NDArray[np.bool_],
    ignored: NDArray[np.bool_],
) -> tuple[ClassDecisions, ...]:
    """Score every class by its ranking, and by the decisions at its threshold.

    Args:
        names: Of the classes.
        chances: Probabilities, ``(N, K)``.
        thresholds: One for each class.
        shown: ``(N, K)``.
        ignored: Images that do not count for a class, ``(N, K)``.
    """
    found = []
    for k, name in enumerate(names):
        counts = ~ignored[:, k]
        true, said = shown[counts, k], chances[counts, k] >= thresholds[k]
        hits = int((true & said).sum())
        ranking = average_precision(chances[:, k], shown[:, k], ignored[:, k])
        found.append(ClassDecisions(
            name, None if np.isnan(ranking) else 100.0 * ranking, thresholds[k],
            _share(hits, int(said.sum())), _share(hits, int(true.sum())),
            _share(2 * hits, int(true.sum() + said.sum())) if true.any() else None,
            int(true.sum()), int(counts.sum()),
        ))  # fmt: skip
    return tuple(found)


def _share(part: int, whole: int) -> float | None:
    return 100.0 * part / whole if whole else None
