"""Default boxes, what they learn, and what it costs."""

from __future__ import annotations

import math

import pytest
import torch
from torchvision.models.detection._utils import BoxCoder

from edgessl.dense.detection.anchors import (
    OFFSET_SCALES,
    anchors_of,
    corners_of,
    decode,
    encode,
)
from edgessl.dense.detection.found import Suppression, suppress
from edgessl.dense.detection.loss import match, ssd_loss

ANCHORS = anchors_of((8, 16), input_px=64, base=3.0, octaves=(1.0,), ratios=(1.0, 2.0))


def _boxes(count: int) -> torch.Tensor:
    corner = torch.rand(count, 2, generator=torch.Generator().manual_seed(0)) * 0.6
    size = torch.rand(count, 2, generator=torch.Generator().manual_seed(1)) * 0.3 + 0.05
    return torch.cat([corner, corner + size], dim=1)


def test_there_is_a_default_box_for_every_cell_and_shape() -> None:
    assert ANCHORS.shape == ((64 + 16) * 2, 4)
    torch.testing.assert_close(ANCHORS[0], torch.tensor([4 / 64, 4 / 64, 24 / 64, 24 / 64]))
    areas = ANCHORS[:, 2] * ANCHORS[:, 3]
    torch.testing.assert_close(areas[1], areas[0])
    assert (ANCHORS[:, 0] < 1).all()
    assert (ANCHORS[:, 0] > 0).all()


def test_offsets_are_torchvisions_and_decode_undoes_them() -> None:
    boxes, anchors = _boxes(20), ANCHORS[40:60]
    offsets = encode(boxes, anchors)
    theirs = BoxCoder(OFFSET_SCALES).encode_single(boxes, corners_of(anchors))
    torch.testing.assert_close(offsets, theirs, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(decode(offsets[None], anchors)[0], boxes, rtol=1e-4, atol=1e-5)


def test_every_object_has_a_default_box_and_ignored_ones_none() -> None:
    boxes = torch.tensor([[0.01, 0.01, 0.05, 0.05], [0.3, 0.3, 0.7, 0.7]])
    found = match(corners_of(ANCHORS), boxes, torch.tensor([0, 1]), torch.tensor([False] * 2), 0.5)
    assert {0, 1} <= set(found.tolist())
    ignored = torch.tensor([False, True])
    found = match(corners_of(ANCHORS), boxes, torch.tensor([0, -3]), ignored, 0.5)
    assert 1 not in found
    assert -2 in found


def _loss(logits: torch.Tensor, labels: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    boxes = torch.tensor([[[0.3, 0.3, 0.7, 0.7]]])
    return ssd_loss(
        logits, torch.zeros(1, len(ANCHORS), 4), ANCHORS, corners_of(ANCHORS), boxes,
        torch.tensor([labels]), iou=0.5, negatives=3.0,
    )  # fmt: skip


def test_equal_logits_cost_the_logarithm_of_the_classes_for_each_box_learned() -> None:
    """Three background boxes for each that is matched, over the number of matched ones."""
    classes, _ = _loss(torch.zeros(1, len(ANCHORS), 4), [1])
    assert classes.item() == pytest.approx(4 * math.log(4), rel=1e-5)


def test_an_image_without_objects_still_teaches_background() -> None:
    classes, boxes = _loss(torch.zeros(1, len(ANCHORS), 4), [-1])
    assert classes.item() == pytest.approx(3 * math.log(4), rel=1e-5)
    assert boxes.item() == 0.0


def test_no_gradient_comes_from_boxes_on_an_ignored_object() -> None:
    logits = torch.zeros(1, len(ANCHORS), 4, requires_grad=True)
    classes, _ = _loss(logits, [-3])
    classes.backward()  # type: ignore[no-untyped-call]
    place = match(
        corners_of(ANCHORS), torch.tensor([[0.3, 0.3, 0.7, 0.7]]), torch.tensor([-3]),
        torch.tensor([True]), 0.5,
    )  # fmt: skip
    assert logits.grad is not None
    assert not logits.grad[0, place == -2].any()
    assert logits.grad.abs().sum() > 0


def test_of_two_boxes_on_an_object_the_surer_one_stays() -> None:
    rows = torch.tensor([
        [0.1, 0.1, 0.5, 0.5, 0.6, 0.0], [0.12, 0.1, 0.5, 0.5, 0.9, 0.0],
        [0.12, 0.1, 0.5, 0.5, 0.0, 0.8], [0.6, 0.6, 0.9, 0.9, 0.005, 0.0],
    ])  # fmt: skip
    (found,) = suppress(rows[None].numpy(), Suppression(0.5, 0.01, 100))
    assert found.labels.tolist() == [0, 1]
    assert found.scores.tolist() == pytest.approx([0.9, 0.8])
