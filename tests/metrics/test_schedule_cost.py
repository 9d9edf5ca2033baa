"""The cost of a schedule is the mean over its epochs, where S3L's tables are right."""

from __future__ import annotations

import pytest

from edgessl.metrics.cost import mean_over_epochs

# FLOPs at 224, 112 and 56 px by S3L's rule: its tables 1 and 3.
R18 = (1_824_545_280, 488_401_920, 130_752_000)
R50 = (4_135_788_544, 1_091_255_296, 304_059_904)


@pytest.mark.parametrize(
    ("flops", "down", "small", "progressive", "printed"),
    [(R18, 755.63, 202.28, 349.76, 295.95), (R50, 1700.17, 461.50, 795.53, 673.14)],
    ids=["R18", "R50"],
)
def test_s3l_schedules_cost_what_they_cost(
    flops: tuple[int, int, int], down: float, small: float, progressive: float, printed: float
) -> None:
    # The paper adds up rounded figures, so the last digit may differ.
    large, middle, tiny = (cost / 1e6 for cost in flops)
    assert mean_over_epochs([middle, large], [800, 200]) == pytest.approx(down, abs=0.01)
    assert mean_over_epochs([tiny, middle], [800, 200]) == pytest.approx(small, abs=0.01)
    mean = mean_over_epochs([tiny, middle, large], [800, 200, 100])
    assert mean == pytest.approx(progressive, abs=0.01)
    assert mean * 1100 / 1300 == pytest.approx(printed, abs=0.01)  # the paper's divisor
