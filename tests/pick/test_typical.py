"""Without a classifier, the picks stand for the groups that features have, the largest first."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgessl.pick import groups
from edgessl.pick.groups import group, unit_rows
from edgessl.pick.typical import NEIGHBOURS, pick_typical, typicality

SIZES = (40, 20, 10)


def blobs(sizes: tuple[int, ...] = SIZES) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return points in well separated directions, and the number of each one's direction."""
    draw = np.random.default_rng(0)
    numbers = np.repeat(np.arange(len(sizes)), sizes)
    points = np.eye(8)[numbers] + 0.02 * draw.normal(size=(len(numbers), 8))
    return points.astype(np.float32), numbers


def nobody(count: int) -> NDArray[np.bool_]:
    return np.zeros(count, dtype=bool)


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_each_group_gives_one_and_the_largest_comes_first(seed: int) -> None:
    points, numbers = blobs()
    picks = pick_typical(points, nobody(len(points)), 3, seed)
    assert [numbers[one.index] for one in picks] == [0, 1, 2]
    assert [one.alike for one in picks] == list(SIZES)
    assert picks[0].why == "most typical of 40 images that look alike"


def test_a_group_with_a_label_waits() -> None:
    points, numbers = blobs()
    labelled = numbers == 0
    labelled[5:40] = False
    labelled[np.flatnonzero(numbers == 1)[0]] = True
    picks = pick_typical(points, labelled, 1, 0)  # 6 labels + 1: more groups than directions
    assert not labelled[picks[0].index]
    lone = nobody(len(points))
    lone[0] = lone[45] = True  # 2 labels and 1 pick: a group for each direction
    assert [numbers[one.index] for one in pick_typical(points, lone, 1, 0)] == [2]


def test_the_pick_is_in_the_middle_of_its_group() -> None:
    """Points on a line: the middle has its two neighbours nearest."""
    line = np.array([0, 6, 7, 8, 14], dtype=np.float32)[:, None]
    assert line[int(typicality(line).argmax())] == 7


def test_typicality_is_the_mean_over_the_nearest_half() -> None:
    points = np.array([[0.0], [1.0], [3.0], [7.0]], dtype=np.float32)
    expected = [1 / 2, 1 / 1.5, 1 / 2.5, 1 / 5]  # each: the mean of its 2 nearest of 3
    assert typicality(points) == pytest.approx(expected, rel=1e-4)


def test_typicality_agrees_with_the_slow_way_over_several_batches() -> None:
    points = np.random.default_rng(0).normal(size=(2100, 3)).astype(np.float32)
    rows = [0, 2047, 2048, 2099]
    for row in rows:
        gaps = np.sort(np.linalg.norm(points - points[row], axis=1))[1 : NEIGHBOURS + 1]
        assert typicality(points)[row] == pytest.approx(1 / (gaps.mean() + 1e-5), rel=1e-3)


def test_odd_images_are_not_picked_while_others_are_left() -> None:
    points, _ = blobs((40, 30, 1))
    picks = pick_typical(points, nobody(len(points)), 3, 0)
    assert 70 not in [one.index for one in picks]


def test_all_can_be_picked_each_once() -> None:
    points, _ = blobs((3, 2, 1))
    picks = pick_typical(points, nobody(6), 6, 0)
    assert sorted(one.index for one in picks) == list(range(6))
    assert "like no other" in {one.why for one in picks}


def test_the_same_features_for_all_are_no_trouble() -> None:
    picks = pick_typical(np.zeros((12, 4), dtype=np.float32), nobody(12), 5, 0)
    assert len({one.index for one in picks}) == 5


def test_one_seed_gives_one_answer() -> None:
    points = np.random.default_rng(3).normal(size=(80, 6)).astype(np.float32)
    first, again, other = (pick_typical(points, nobody(80), 20, seed) for seed in (4, 4, 5))
    assert first == again
    assert first != other


def test_rows_become_one_long_and_zeros_stay() -> None:
    assert unit_rows(np.array([[3, 4], [0, 0]], dtype=np.float32)).tolist() == [
        [pytest.approx(0.6), pytest.approx(0.8)], [0, 0],
    ]  # fmt: skip


def test_many_images_are_grouped_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "_MANY", 50)
    points, numbers = blobs()
    found = group(points, 3, 0)
    assert all(len(set(found[numbers == number].tolist())) == 1 for number in range(3))
