"""Without a classifier: the most typical image of each group that has no label yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgessl.pick.groups import group, unit_rows

MOST_GROUPS = 500  # TypiClust, section 4.1
NEIGHBOURS = 20  # TypiClust, section 3.2.2
_SMALL = 5  # TypiClust leaves out clusters of fewer images: they are oddities
_AT_ONCE = 2048


@dataclass(frozen=True, slots=True)
class Typical:
    """An image that stands for a group.

    Attributes:
        index: Its row of the features.
        alike: Images in its group, itself and labelled ones among them.
        before: Images of the group that have a label or were picked before.
    """

    index: int
    alike: int
    before: int

    @property
    def why(self) -> str:
        """Say what it was picked for."""
        if self.alike == 1:
            return "like no other"
        if self.before == 0:
            return f"most typical of {self.alike} images that look alike"
        return f"next most typical of {self.alike} images that look alike, {self.before} before it"

    def to_dict(self) -> dict[str, int]:
        """Return plain values."""
        return {"group_size": self.alike, "group_before": self.before}


def pick_typical(
    features: NDArray[np.float32], labelled: NDArray[np.bool_], count: int, seed: int
) -> list[Typical]:
    """Pick the images that stand for the others best.

    As many groups as there will be labels; from the largest without any comes the image that is
    nearest to its neighbours, and so on. Groups of very few images come when no other is left.

    Args:
        features: ``(N, D)``, of labelled images too: their groups have a label already.
        labelled: Which have a label, ``(N,)``.
        count: How many to pick, at most the images without a label.
        seed: Of the groups.

    Returns:
        The picks, the first to label first.

    Source:
        TypiClust, Hacohen, Dekel & Weinshall 2022, arXiv:2202.02794, Algorithm 1.
    """
    points = unit_rows(features)
    clusters = min(int(labelled.sum()) + count, MOST_GROUPS, len(points))
    numbers = group(points, clusters, seed)
    waiting, before, sizes = {}, {}, {}
    for number in np.unique(numbers).tolist():
        members = np.flatnonzero(numbers == number)
        order = members[np.argsort(-typicality(points[members]), kind="stable")]
        waiting[number] = [index for index in order.tolist() if not labelled[index]]
        before[number], sizes[number] = int(labelled[members].sum()), len(members)
    least = min(_SMALL, len(points) / clusters / 2)  # where all are small, small ones count
    picks: list[Typical] = []
    while len(picks) < count:
        chosen = min(
            (number for number in waiting if waiting[number]),
            key=lambda one: (sizes[one] < least, before[one], -sizes[one], waiting[one][0]),
        )
        picks.append(Typical(waiting[chosen].pop(0), sizes[chosen], before[chosen]))
        before[chosen] += 1
    return picks


def typicality(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Say how near each point is to its nearest neighbours among the others.

    Args:
        points: Of one group, ``(M, D)``.

    Returns:
        One over the mean distance to the nearest half of them, at most ``NEIGHBOURS``, ``(M,)``.
    """
    near = max(1, min(NEIGHBOURS, len(points) // 2))
    squares = (points.astype(np.float64) ** 2).sum(axis=1)
    found = np.ones(len(points))
    if len(points) == 1:
        return found
    for start in range(0, len(points), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        gaps = squares[part, None] + squares - 2 * (points[part] @ points.T)  # (m, M)
        gaps[np.arange(len(gaps)), np.arange(start, start + len(gaps))] = np.inf  # itself
        nearest = np.partition(gaps, near - 1, axis=1)[:, :near]
        found[part] = 1 / (np.sqrt(nearest.clip(0)).mean(axis=1) + 1e-5)
    return found
