"""Average precisions agree with slow versions written from the texts, and with pycocotools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reference.slow_ap import Told, Truth, area_under, at_points, overlap, voc_curve

from edgessl.dense.boxes.boxed import BoxedImage
from edgessl.dense.detection.coco_ap import coco_ap
from edgessl.dense.detection.found import Found
from edgessl.dense.detection.score import box_confusion, score
from edgessl.dense.detection.voc_ap import (
    average_precision,
    interval,
    match_class,
    mean_ap,
    resampled,
)

CLASSES = ("a", "b", "c")


def _world(seed: int, *, difficult: float) -> tuple[list[Found], list[BoxedImage]]:
    """Draw images with objects, and a detector that finds some of them, roughly."""
    generator = np.random.default_rng(seed)
    found, images = [], []
    for number in range(12):
        count = int(generator.integers(0, 6))
        corner, size = generator.uniform(0, 60, (count, 2)), generator.uniform(8, 40, (count, 2))
        boxes = np.concatenate([corner, corner + size], axis=1).astype(np.float32)
        labels = generator.integers(0, 3, count)
        images.append(BoxedImage(
            Path(f"{number}.png"), "", 100, 120, boxes, labels,
            generator.uniform(size=count) < difficult,
        ))  # fmt: skip
        near = np.repeat(boxes, 2, axis=0) + generator.normal(0, 3, (2 * count, 4))
        kinds = np.repeat(labels, 2)
        sides = np.array([120, 100, 120, 100])
        order = generator.permutation(len(near))
        scores = np.sort(generator.uniform(size=len(near)))[::-1].astype(np.float32)
        found.append(Found((near[order] / sides).astype(np.float32), scores, kinds[order]))
    return found, images


def _slow(
    found: list[Found], images: list[BoxedImage], label: int
) -> tuple[list[Told], list[Truth]]:
    told = [
        (i, float(score), tuple(map(float, box)))
        for i, one in enumerate(found)
        for box, score, kind in zip(one.boxes, one.scores, one.labels, strict=True) if kind == label
    ]  # fmt: skip
    truth = [
        (i, tuple(map(float, box)), bool(difficult))
        for i, one in enumerate(images)
        for box, kind, difficult in zip(one.shares, one.labels, one.difficult, strict=True)
        if kind == label
    ]  # fmt: skip
    return told, truth  # type: ignore[return-value]


@pytest.mark.parametrize("seed", range(6))
def test_both_rules_of_voc_agree_with_the_texts(seed: int) -> None:
    found, images = _world(seed, difficult=0.2)
    for label in range(3):
        recall, precision = voc_curve(*_slow(found, images, label))
        matches = match_class(found, images, label)
        assert average_precision(matches) == pytest.approx(area_under(recall, precision), abs=1e-6)
        assert average_precision(matches, "11 points") == pytest.approx(
            at_points(recall, precision, [i / 10 - 1e-12 for i in range(11)]), abs=1e-6
        )


def test_a_perfect_detector_has_all_of_it_and_an_empty_one_nothing() -> None:
    _, images = _world(0, difficult=0.0)
    perfect = [
        Found(one.shares, np.full(len(one.labels), 0.9, np.float32), one.labels) for one in images
    ]
    none = [one.surest(0) for one in perfect]
    figures = score(perfect, images, CLASSES).facts
    assert figures["scores"]["ap50"]["value"] == pytest.approx(100)
    assert figures["voc"]["ap50_11_points"] == pytest.approx(100)
    assert figures["coco"]["ap"] == pytest.approx(100)
    assert score(none, images, CLASSES).facts["scores"]["ap50"]["value"] == 0


@pytest.mark.parametrize("seed", range(3))
def test_cocos_ap50_and_ap75_agree_with_a_slow_version(seed: int) -> None:
    """Without crowds, COCO's rule is the best free object over the threshold, at 101 points."""
    found, images = _world(seed, difficult=0.0)
    figures = coco_ap(found, images, CLASSES)
    for name, iou in (("ap50", 0.5), ("ap75", 0.75)):
        slow = [_slow_coco(*_slow(found, images, label), iou) for label in range(3)]
        assert figures[name] == pytest.approx(100 * np.mean(slow), abs=1e-4)


def _slow_coco(told: list[Told], truth: list[Truth], iou: float) -> float:
    taken: set[int] = set()
    right = wrong = 0
    recall, precision = [], []
    for image, _, box in sorted(told, key=lambda one: -one[1]):
        free = [
            (overlap(box, other), number) for number, (where, other, _) in enumerate(truth)
            if where == image and number not in taken and overlap(box, other) >= iou
        ]  # fmt: skip
        if free:
            taken.add(max(free)[1])
        right, wrong = right + bool(free), wrong + (not free)
        recall.append(right / len(truth))
        precision.append(right / (right + wrong))
    return at_points(recall, precision, np.linspace(0.0, 1.0, 101).tolist())


def test_an_image_that_counts_twice_is_an_image_that_is_there_twice() -> None:
    found, images = _world(1, difficult=0.2)
    weights = np.ones(len(images))
    weights[3] = 2.0
    twice = [match_class([*found, found[3]], [*images, images[3]], i) for i in range(3)]
    once = [match_class(found, images, i) for i in range(3)]
    assert mean_ap(once, "area", weights) == pytest.approx(mean_ap(twice), abs=1e-9)


def test_the_interval_holds_the_value_and_repeats() -> None:
    found, images = _world(2, difficult=0.0)
    matches = [match_class(found, images, i) for i in range(3)]
    low, high = interval(resampled(matches))
    assert low < mean_ap(matches) < high
    assert (low, high) == interval(resampled(matches))


def test_each_object_is_called_once_by_the_surest_box_over_it() -> None:
    boxes = np.array([[0, 0, 20, 20], [40, 40, 60, 60], [70, 70, 90, 90]], np.float32)
    image = BoxedImage(Path("a.png"), "", 100, 100, boxes, np.array([0, 1, 2]),
                       np.array([False, False, True]))  # fmt: skip
    told = np.array([
        [40, 40, 60, 60], [0, 0, 20, 20], [0, 0, 20, 18], [70, 70, 90, 90], [5, 60, 15, 70],
        [0, 0, 20, 20],
    ], np.float32)  # fmt: skip
    scores = np.array([0.9, 0.8, 0.7, 0.7, 0.6, 0.4], np.float32)
    found = Found(told / 100, scores, np.array([2, 0, 1, 0, 1, 0]))
    expected = np.zeros((4, 4), np.int64)
    expected[0, 0] = 1  # the first object, by its own class
    expected[1, 2] = 1  # the second, by another
    expected[3, 1] = 2  # its double, and one over nothing; that over a difficult one is neither
    assert box_confusion([found], [image], 3) == expected.tolist()
    nothing = Found(told[:0], scores[:0], np.zeros(0, np.int64))
    assert np.array(box_confusion([nothing], [image], 3))[:3, 3].tolist() == [1, 1, 0]
