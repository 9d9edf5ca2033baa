"""Names beside the lines of a class chart do not cover each other."""

from __future__ import annotations

from itertools import pairwise

from edgessl.report.compare.classes import ClassGain
from edgessl.report.compare.slopes import BOTTOM, TOP, slopes


def test_names_of_classes_that_are_as_easy_or_as_hard_stand_apart() -> None:
    shares = [0, 0, *range(20, 80), 100, 100, 99]
    gains = [
        ClassGain(f"c{index}", 10, share, share, None, None)
        for index, share in enumerate(shares[:40] + shares[-3:])
    ]
    lines = [line for line in slopes(gains) if line.label]
    assert len(lines) == 4  # 5 % of 43 classes at each end
    places = sorted(line.label_y for line in lines)
    assert all(later - earlier >= 12 for earlier, later in pairwise(places))
    assert places[-1] <= BOTTOM
    assert places[0] >= TOP
