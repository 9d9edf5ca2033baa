"""Splits depend on contents alone, leave every class trained, and never part identical files."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from pathlib import Path

import pytest

from edgessl.data.divide import hold_out, keep_labels, separate
from edgessl.data.label_budget import LabelBudget
from edgessl.data.sample import Sample


def samples(counts: dict[str, int]) -> list[Sample]:
    return [
        Sample(hashlib.sha1(f"{label}{i}".encode()).hexdigest(), label, Path(f"{label}-{i}"))
        for label, count in counts.items()
        for i in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "held"), [(1, 0), (2, 1), (5, 1), (7, 1), (8, 2), (10, 2), (103, 21)]
)
def test_a_fifth_of_each_class_is_held_out(count: int, held: int) -> None:
    chosen = hold_out(samples({"a": count, "b": 50}), 20, salt="test", least_from=2)
    assert len(chosen) == held + 10


def test_names_and_order_do_not_matter() -> None:
    images = samples({"a": 40, "b": 40})
    renamed = [Sample(s.digest, s.label, Path(f"x/{i}")) for i, s in enumerate(images)]
    random.Random(0).shuffle(renamed)
    first, second = (hold_out(s, 20, salt="test", least_from=2) for s in (images, renamed))
    assert first == second


def test_salts_choose_independently() -> None:
    images = samples({"a": 500})
    one, two = (hold_out(images, 50, salt=salt, least_from=2) for salt in ("test", "val"))
    assert 90 < len(one & two) < 160  # 125 expected


def test_identical_files_count_once_and_stay_together() -> None:
    images = samples({"a": 10, "b": 10})
    chosen = hold_out(images * 3, 20, salt="test", least_from=2)
    assert chosen == hold_out(images, 20, salt="test", least_from=2)


def test_a_content_of_two_classes_is_never_held_out() -> None:
    images = samples({"a": 5, "b": 5})
    both = [Sample(s.digest, "b", s.path) for s in images if s.label == "a"]
    assert not hold_out(images[:5] + both, 90, salt="test", least_from=1)


def test_kept_labels_are_nested_and_at_least_one_per_class() -> None:
    images = samples({"a": 100, "b": 30, "c": 1})
    few, many = (keep_labels(images, LabelBudget(percent), seed=0) for percent in (1, 10))
    assert few <= many
    label = {s.digest: s.label for s in images}
    assert Counter(label[digest] for digest in many) == {"a": 10, "b": 3, "c": 1}
    assert Counter(label[digest] for digest in few) == {"a": 1, "b": 1, "c": 1}


def test_seeds_keep_other_labels() -> None:
    images = samples({"a": 100})
    few = LabelBudget(10)
    assert keep_labels(images, few, seed=0) != keep_labels(images, few, seed=1)


def test_a_file_that_is_also_in_test_leaves_every_other_split() -> None:
    a, b, c, d = samples({"a": 4})
    kept, lost = separate({"test": [a], "val": [a, b], "train": [a, b, c], "unlabeled": [c, d, d]})
    assert kept == {"test": [a], "val": [b], "train": [c], "unlabeled": [d, d]}
    assert lost == {"test": 0, "val": 1, "train": 2, "unlabeled": 1}
