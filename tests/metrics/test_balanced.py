"""Balanced accuracy counts every class alike, with an interval that covers what it should."""

from __future__ import annotations

import pytest
import torch

from edgessl.metrics.balanced import balanced_accuracy
from edgessl.metrics.class_counts import ClassCounts


def test_it_is_the_mean_recall_of_classes_that_have_images() -> None:
    score = balanced_accuracy(torch.tensor([[90, 10, 0], [1, 1, 0], [0, 0, 0]]))
    assert (score.value, score.n) == (70.0, 102)


def test_equal_classes_score_top1() -> None:
    confusion = torch.tensor([[8, 2], [4, 6]])
    assert balanced_accuracy(confusion).value == pytest.approx(70.0)


def test_always_the_same_answer_scores_one_over_k() -> None:
    assert balanced_accuracy(torch.tensor([[97, 0, 0], [2, 0, 0], [1, 0, 0]])).value == (
        pytest.approx(100 / 3)
    )


def test_a_class_of_one_image_widens_the_interval() -> None:
    many, one = (
        balanced_accuracy(torch.tensor([[50, 0], [0, images]])) for images in (50, 1)
    )
    assert one.high - one.low > 5 * (many.high - many.low)
    assert one.low < 60.0


def test_the_interval_covers_the_truth_about_95_times_of_100() -> None:
    rng = torch.Generator().manual_seed(0)
    recalls, images = torch.tensor([0.9, 0.6, 0.4, 0.75]), torch.tensor([200, 40, 15, 5])
    right = torch.stack([
        torch.binomial(images.double().expand(400, 4), recalls.double().expand(400, 4),
                       generator=rng)
    ])[0]  # fmt: skip
    covered = 0
    for row in right.long():
        score = balanced_accuracy(
            torch.diag(row) + torch.diag((images - row)[:3], 1)
            + torch.diag((images - row)[3:].repeat(1), -3)
        )
        covered += score.low <= 100 * float(recalls.mean()) <= score.high
    assert 0.92 <= covered / 400 <= 0.985


NAMES = ("coat", "hat", "shoe")


@pytest.mark.parametrize(
    ("labels", "unequal"), [([0, 1, 2], False), ([0] * 3 + [1] * 2 + [2] * 2, False),
                            ([0] * 4 + [1] * 2 + [2] * 2, True)],
)  # fmt: skip
def test_classes_are_unequal_from_twice_the_images_on(labels: list[int], unequal: bool) -> None:
    assert ClassCounts.of(labels, NAMES).unequal is unequal


def test_extremes_and_single_images_are_told() -> None:
    counts = ClassCounts.of([0] * 7 + [2], NAMES)
    assert counts.in_words() == (
        "from 1 ('shoe') to 7 ('coat') images a class; with one image: 'shoe'"
    )
    assert counts.to_dict() == {
        "most": {"class": "coat", "images": 7}, "least": {"class": "shoe", "images": 1},
        "single": ["shoe"], "unequal": True,
    }  # fmt: skip
    assert ClassCounts.of([], NAMES).to_dict() == {}
