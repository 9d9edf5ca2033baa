"""With a classifier: images that it can hardly decide on, and that differ from each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgessl.pick.groups import unit_rows

POOL = 5
"""Images to choose from, for each that is picked; not tuned."""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """An image between two classes.

    Attributes:
        index: Its row of the probabilities.
        classes: The likeliest class and the next one.
        probabilities: Theirs.
    """

    index: int
    classes: tuple[str, str]
    probabilities: tuple[float, float]

    @property
    def why(self) -> str:
        """Say what it was picked for."""
        (first, second), (high, low) = self.classes, self.probabilities
        return f"between '{first}' ({100 * high:.0f} %) and '{second}' ({100 * low:.0f} %)"

    def to_dict(self) -> dict[str, object]:
        """Return plain values."""
        high, low = self.probabilities
        return {
            "between": [
                {"name": name, "probability": chance}
                for name, chance in zip(self.classes, self.probabilities, strict=True)
            ],
            "margin": high - low,
        }


def probabilities_of(outputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Turn what a classifier gives into probabilities.

    Args:
        outputs: Logits, or probabilities already, ``(N, K)``.
    """
    values = outputs.astype(np.float64)
    if values.min() >= 0 and np.allclose(values.sum(axis=1), 1, atol=1e-3):
        return values
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    chances: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return chances


def margins(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far the likeliest class is ahead of the next, ``(N,)``.

    Args:
        probabilities: ``(N, K)``, of at least 2 classes.
    """
    top = np.partition(probabilities, -2, axis=1)[:, -2:]
    ahead: NDArray[np.float64] = top[:, 1] - top[:, 0]
    return ahead


def hardest(probabilities: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the rows with the smallest margins, the smallest first.

    Args:
        probabilities: ``(N, K)``.
        count: How many will be picked of ``POOL`` times as many.
    """
    return np.argsort(margins(probabilities), kind="stable")[: POOL * count].astype(np.int64)


def spread_out(features: NDArray[np.float32], count: int, seed: int) -> list[int]:
    """Choose rows that differ from each other, as k-means++ chooses where to start.

    Args:
        features: ``(M, D)``; the first row is chosen first.
        count: How many, at most M.
        seed: Of the draws: each row with the square of its distance to the nearest one chosen.

    Returns:
        The rows, in the order in which they were chosen.

    Source:
        Arthur & Vassilvitskii, SODA 2007; for labels: BADGE, Ash et al. 2020, arXiv:1906.03671.
    """
    points = unit_rows(features).astype(np.float64)
    draw = np.random.default_rng(seed)
    chosen, gaps = [0], np.full(len(points), np.inf)
    while len(chosen) < count:
        gaps = np.minimum(gaps, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
        gaps[chosen] = 0
        if gaps.sum() <= 0:  # the rest are copies: the hardest first
            rest = [row for row in range(len(points)) if row not in set(chosen)]
            return [*chosen, *rest[: count - len(chosen)]]
        chosen.append(int(draw.choice(len(points), p=gaps / gaps.sum())))
    return chosen


def in_doubt(
    rows: list[int], probabilities: NDArray[np.float64], classes: tuple[str, ...]
) -> list[Uncertain]:
    """Say for images between which classes they are.

    Args:
        rows: Those picked.
        probabilities: Of all, ``(N, K)``.
        classes: The names of the K classes.
    """
    found = []
    for row in rows:
        second, first = np.argsort(probabilities[row], kind="stable")[-2:].tolist()
        found.append(Uncertain(
            row, (classes[first], classes[second]),
            (float(probabilities[row, first]), float(probabilities[row, second])),
        ))  # fmt: skip
    return found
