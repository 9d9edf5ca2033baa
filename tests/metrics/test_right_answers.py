"""Two classifiers are compared on the images that they disagree about."""

from __future__ import annotations

import pytest
import torch

from edgessl.metrics.interval import paired_difference
from edgessl.metrics.right_answers import difference_of, pack_right


@pytest.mark.parametrize("n", [1, 7, 8, 9, 100])
def test_the_difference_is_that_of_the_scores(n: int) -> None:
    draw = torch.Generator().manual_seed(n)
    labels, ours, theirs = (torch.randint(3, (n,), generator=draw) for _ in range(3))
    found = difference_of(pack_right(ours, labels), pack_right(theirs, labels), n)
    one, other = ours == labels, theirs == labels
    assert found["n"] == n
    assert found["value"] == pytest.approx(100 * float(one.float().mean() - other.float().mean()))
    gained, lost = int((one & ~other).sum()), int((other & ~one).sum())
    assert (found["low"], found["high"]) == paired_difference(gained, lost, n)


def test_a_classifier_differs_from_itself_by_nothing() -> None:
    right = pack_right(torch.zeros(50), torch.zeros(50))
    found = difference_of(right, right, 50)
    assert found["value"] == 0
    assert found["low"] == pytest.approx(-found["high"])
