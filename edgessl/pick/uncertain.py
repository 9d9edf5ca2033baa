"""With a classifier: images that it can hardly decide on, and that differ from each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgessl.pick.groups import group, unit_rows

POOL = 20
"""Images to choose from, for each that is picked: 10 gave less on one of two sets, all no more."""
_LEAST_WEIGHT = 1e-3  # k-means needs some weight where nothing is in doubt


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


def spread_out(
    features: NDArray[np.float32], doubts: NDArray[np.float64], count: int, seed: int
) -> list[int]:
    """Choose rows that differ from each other: of each of so many groups the most central one.

    Args:
        features: ``(M, D)``, the row with the most doubt first.
        doubts: How much each row counts in its group, ``(M,)``, 0 to 1.
        count: How many, at most M.
        seed: Of the groups.

    Returns:
        The rows, ascending, so that those with the most doubt come first.

    Source:
        Zhdanov 2019, arXiv:1901.05954, section 3.2: weighted k-means. In our trials it scored
        1 to 2 points more than the draws of k-means++.
    """
    points = unit_rows(features)
    weights = doubts + _LEAST_WEIGHT
    numbers = group(points, count, seed, weights)
    chosen = []
    for number in np.unique(numbers).tolist():
        members = np.flatnonzero(numbers == number)
        centre = np.average(points[members], axis=0, weights=weights[members])
        gaps = ((points[members] - centre) ** 2).sum(axis=1)
        chosen.append(int(members[gaps.argmin()]))
    rest = sorted({*range(len(points))} - {*chosen})  # copies make fewer groups
    return sorted([*chosen, *rest[: count - len(chosen)]])


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
