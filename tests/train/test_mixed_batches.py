"""Batches of labelled images and others: balanced, complete, and a function of the clock alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from edgessl.distributed import World
from edgessl.schedules import Clock
from edgessl.train.loop.micro_batch import MicroBatch
from edgessl.train.loop.mixed_batches import mixed_batches, others_in_step

LABELS = np.array([0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
OTHERS = 30
CLOCK = Clock(0, 2, 10, stage=2)


def batches(
    clock: Clock = CLOCK, *, accumulate: int = 1, world: World | None = None
) -> list[MicroBatch]:
    return list(mixed_batches(
        clock, LABELS, OTHERS, batch_size=6, ratio=2, accumulate=accumulate, seed=5,
        world=world or World(),
    ))  # fmt: skip


def test_a_step_has_as_many_of_each_class_and_the_ratio_of_others() -> None:
    for batch in batches():
        known = batch.ids[batch.ids < len(LABELS)]
        assert Counter(LABELS[known].tolist()) == {0: 2, 1: 2, 2: 2}
        assert len(batch.ids) - len(known) == 12
        assert (batch.ids[:6] < len(LABELS)).all()
        assert batch.ids.max() < len(LABELS) + OTHERS


def test_all_images_come_equally_often_whatever_their_kind() -> None:
    """20 steps: 240 places for 30 others, and 40 for the members of each class."""
    seen = Counter(int(image) for batch in batches() for image in batch.ids)
    assert {seen[len(LABELS) + image] for image in range(OTHERS)} == {8}
    for label, each in ((0, {6, 7}), (1, {20}), (2, {10})):
        assert {seen[int(image)] for image in np.flatnonzero(label == LABELS)} == each


def test_going_on_from_any_step_gives_what_is_left() -> None:
    whole = batches()
    for step in (1, 7, 19):
        for ours, theirs in zip(batches(replace(CLOCK, step=step)), whole[step:], strict=True):
            assert ours.key == theirs.key
            assert ours.ids.tolist() == theirs.ids.tolist()


@pytest.mark.parametrize("accumulate", [1, 3])
def test_processes_share_every_micro_batch(accumulate: int) -> None:
    whole = batches(accumulate=accumulate)
    parts = [batches(accumulate=accumulate, world=World(rank, 2)) for rank in range(2)]
    assert [batch.last for batch in whole] == [n % accumulate == accumulate - 1
                                               for n in range(len(whole))]  # fmt: skip
    for all_of, first, second in zip(whole, *parts, strict=True):
        assert sorted([*first.ids, *second.ids]) == sorted(all_of.ids)
        assert len(first.ids) == len(second.ids)


def test_too_few_others_are_all_taken_in_parts_of_equal_size() -> None:
    assert others_in_step(8, 7, 1000) == 56
    assert others_in_step(8, 7, 31) == 31
    assert others_in_step(8, 7, 31, parts=4) == 28
