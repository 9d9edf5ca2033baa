"""choose_pretraining says which images pretraining sees, and what it learns from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgessl.data.dataset import Dataset, Split, Tags
from edgessl.data.pretraining import Choice, choose_pretraining, draw_classes
from edgessl.errors import UserError

CLASSES = ("a", "b", "c", "d")
SAME = {name: name for name in CLASSES}


def _split(prefix: str, labels: tuple[int, ...] | None, count: int) -> Split:
    names = tuple(f"{prefix}{number}" for number in range(count))
    return Split(tuple(map(Path, names)), labels, names)


@pytest.fixture
def dataset() -> Dataset:
    """Twelve labelled images of four classes in turns, and three without label."""
    return Dataset(
        "set", "set", CLASSES, _split("t", tuple(i % 4 for i in range(12)), 12),
        _split("u", None, 3), Split(), Split(), (), 0, (), "",
    )  # fmt: skip


def _seen(dataset: Dataset) -> list[str]:
    return list(dataset.pretraining.digests)


def test_a_method_without_labels_sees_everything(dataset: Dataset) -> None:
    found = choose_pretraining(dataset, Choice(), 0)
    assert (found.drawn, found.lesson, found.notes) == (None, None, ())


def test_labels_are_learned_from_labelled_images_alone(dataset: Dataset) -> None:
    found = choose_pretraining(dataset, Choice(labels=SAME), 0)
    assert _seen(found) == list(dataset.train.digests)
    assert found.lesson is not None
    assert found.lesson.classes == CLASSES
    assert found.lesson.labels == dataset.train.labels
    assert found.notes == ("3 images without label are left out of pretraining.",)


def test_images_are_drawn_and_keep_their_labels(dataset: Dataset) -> None:
    large, small = (choose_pretraining(dataset, Choice(n, labels=SAME), 0) for n in (9, 7))
    assert len(_seen(large)) == 9
    assert set(_seen(small)) < set(_seen(large))
    assert large.lesson is not None
    own = dict(zip(dataset.train.digests, dataset.train.labels or (), strict=True))
    learned = [large.lesson.classes[label] for label in large.lesson.labels]
    assert learned == [CLASSES[own[digest]] for digest in _seen(large)]
    assert large.notes[-1] == "Pretraining sees 9 of 12 images, drawn at random."


@pytest.mark.parametrize("labels", [None, SAME])
def test_classes_are_drawn_with_all_their_images(
    dataset: Dataset, labels: dict[str, str] | None
) -> None:
    found = choose_pretraining(dataset, Choice(classes=2, labels=labels), 3)
    chosen = draw_classes(CLASSES, 2, 3)
    assert len(chosen) == 2
    wanted = {f"t{i}" for i in range(12) if CLASSES[i % 4] in chosen}
    assert set(_seen(found)) == wanted
    assert "Pretraining sees 2 of 4 classes." in found.notes
    assert found.lesson is None if labels is None else found.lesson.classes == chosen


def test_smaller_draws_of_classes_lie_in_larger_ones() -> None:
    names = tuple(f"class{number}" for number in range(50))
    draws = [set(draw_classes(names, count, 0)) for count in (5, 20, 50, 60)]
    assert [len(draw) for draw in draws] == [5, 20, 50, 50]
    assert draws[0] < draws[1] < draws[2]
    assert draws[0] != set(draw_classes(names, 5, 1))


def test_coarser_labels_take_the_place_of_the_classes(dataset: Dataset) -> None:
    coarse = {"a": "x", "b": "y", "c": "x", "d": "y"}
    found = choose_pretraining(dataset, Choice(labels=coarse), 0)
    assert found.lesson is not None
    assert found.lesson.classes == ("x", "y")
    assert found.lesson.labels == (0, 1) * 6
    assert found.classes == CLASSES  # fine-tuning and scores keep them
    assert "Pretraining learns 2 coarser labels." in found.notes


def test_one_label_is_none(dataset: Dataset) -> None:
    with pytest.raises(UserError, match="at least two labels to learn, found x alone"):
        choose_pretraining(dataset, Choice(labels=dict.fromkeys(CLASSES, "x")), 0)


def test_images_without_one_label_each_are_refused(dataset: Dataset) -> None:
    bare = replace(dataset, classes=(), train=replace(dataset.train, labels=None))
    with pytest.raises(UserError, match="must have one label an image for supervised pretraining, "
                                        r"found none; .* such as mobilenetv2-dino"):
        choose_pretraining(bare, Choice(labels={}), 0)
    with pytest.raises(UserError, match=r"for data\.max_classes, found none"):
        choose_pretraining(bare, Choice(classes=2), 0)
    several = replace(bare, tags={Path("t0"): Tags(("a", "b"))})
    with pytest.raises(UserError, match="found several an image"):
        choose_pretraining(several, Choice(labels={}), 0)
