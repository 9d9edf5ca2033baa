"""Balanced sampling: every class alike often, a function of the key alone."""

from __future__ import annotations

import numpy as np
import torch

from edgessl.rng import DrawKey
from edgessl.schedules import Clock
from edgessl.train.loop.balanced_order import balanced_order
from edgessl.train.loop.fit import TrainingData, micro_batches

LABELS = np.array([0] * 20 + [1] * 6 + [3] * 1, dtype=np.int64)


def test_every_class_comes_alike_often_in_an_epoch_as_long_as_before() -> None:
    drawn = balanced_order(DrawKey(0, 2, 0), LABELS)
    assert len(drawn) == len(LABELS)
    assert np.bincount(LABELS[drawn % len(LABELS)]).tolist() == [9, 9, 0, 9]


def test_the_rest_goes_round() -> None:
    labels = np.array([0, 0, 1, 1, 2], dtype=np.int64)
    counts = sum(np.bincount(labels[balanced_order(DrawKey(0, 2, epoch), labels) % 5], minlength=3)
                 for epoch in range(3))  # fmt: skip
    assert counts.tolist() == [5, 5, 5]


def test_an_image_that_comes_again_has_a_number_of_its_own() -> None:
    drawn = balanced_order(DrawKey(0, 2, 0), LABELS)
    assert len(set(drawn.tolist())) == len(drawn)
    rare = sorted(drawn[LABELS[drawn % 27] == 3].tolist())
    assert rare == [26 + 27 * turn for turn in range(9)]


def test_epochs_differ_and_the_same_one_is_the_same() -> None:
    first, again, next_one, other = (
        balanced_order(DrawKey(seed, 2, epoch), LABELS).tolist()
        for seed, epoch in ((0, 0), (0, 0), (0, 1), (1, 0))
    )
    assert first == again
    assert first != next_one
    assert first != other


def test_going_on_from_any_step_gives_the_same_batches() -> None:
    class Store(list[int]):
        """As many images as labels."""

    data = TrainingData(Store(range(27)), torch.from_numpy(LABELS), balanced=True)  # type: ignore[arg-type]

    def batches(step: int) -> list[list[int]]:
        clock = Clock(step, 3, 2, 2)
        return [micro.draws.tolist()
                for micro in micro_batches(clock, 27, batch_size=9, accumulate=1, seed=0,
                                           order=data.order)]  # fmt: skip

    assert batches(4) == batches(0)[4:]
    assert all((np.array(batch) % 27).max() < 27 for batch in batches(0))
