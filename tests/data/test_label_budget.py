"""``--labels-per-class`` and ``--label-percent``: how many labels a run may use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgessl.data.label_budget import LabelBudget
from edgessl.data.load import load_dataset
from edgessl.errors import UserError


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for split, counts in (("train", {"cat": 12, "dog": 5}), ("test", {"cat": 2, "dog": 2})):
        for name, count in counts.items():
            folder = tmp_path / "photos" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "photos"


def _labels(photos: Path, **budget: float | int) -> list[int]:
    labels = load_dataset(photos, val_percent=0, **budget).train.labels  # type: ignore[arg-type]
    assert labels is not None
    return [labels.count(0), labels.count(1)]


def test_as_many_labels_of_every_class_are_kept_as_it_has(photos: Path) -> None:
    assert _labels(photos, labels_per_class=4) == [4, 4]
    assert _labels(photos, labels_per_class=8) == [8, 5]


def test_the_other_images_stay_without_a_label_and_that_is_said(photos: Path) -> None:
    dataset = load_dataset(photos, val_percent=0, labels_per_class=4)
    assert len(dataset.unlabeled) == 9
    assert any("8 of 17 training labels are kept (up to 4 of each class)" in one
               for one in dataset.notes)  # fmt: skip


def test_fewer_labels_are_among_more(photos: Path) -> None:
    few, more = (
        set(load_dataset(photos, val_percent=0, labels_per_class=count).train.digests)
        for count in (2, 4)
    )
    assert few < more


@pytest.mark.parametrize(
    ("budget", "told"),
    [({"per_class": 0}, "--labels-per-class: must be at least 1, got 0"),
     ({"percent": 101}, "--label-percent: must be above 0 and up to 100, got 101"),
     ({"percent": 1, "per_class": 1}, "must be given without --label-percent, got both")],
)
def test_a_budget_that_cannot_be_is_refused(budget: dict[str, int], told: str) -> None:
    with pytest.raises(UserError, match=told):
        LabelBudget(**budget)
