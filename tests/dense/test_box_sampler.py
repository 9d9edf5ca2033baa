"""Augmented boxes stay on the pixels they were on, and draws depend on seed and sample alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from edgessl.dense.boxes.boxed import BoxedImage
from edgessl.dense.detection.sampler import BoxSampler
from edgessl.recipe.dense_table import AugmentTable, DenseImageTable
from edgessl.rng import DrawKey

SIDE, COUNT = 96, 12
PLAIN = DenseImageTable(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), input_px=SIDE)
SIZES = np.full((COUNT, 2), 100, np.int32)


def _white_boxes() -> tuple[Tensor, list[BoxedImage]]:
    """Return black squares with one white rectangle each."""
    pixels = torch.zeros(COUNT, 3, 100, 100, dtype=torch.uint8)
    images = []
    for i in range(COUNT):
        box = np.array([[20 + i, 25, 50 + i, 40 + 2 * i]], np.float32)
        left, top, right, bottom = box[0].astype(int)
        pixels[i, :, top:bottom, left:right] = 255
        images.append(BoxedImage(
            Path(f"{i}.png"), "", 100, 100, box, np.array([1]), np.array([False])
        ))  # fmt: skip
    return pixels, images


def _extent(image: Tensor) -> list[float]:
    rows, columns = (image[0] > 0.5).nonzero(as_tuple=True)
    return [columns.min() / SIDE, rows.min() / SIDE, (columns.max() + 1) / SIDE,
            (rows.max() + 1) / SIDE]  # type: ignore[list-item]  # fmt: skip


@pytest.mark.parametrize("flips", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.5, 0.5)])
def test_a_box_lies_where_its_pixels_went(flips: tuple[float, float]) -> None:
    pixels, images = _white_boxes()
    table = AugmentTable(
        jitter_share=0.0, flip_share=flips[0], flip_vertical_share=flips[1], zoom_share=1.0
    )
    sampler = BoxSampler(images, PLAIN, table)
    seen = 0
    for epoch in range(4):
        views, boxes, labels = sampler(pixels, SIZES, np.arange(COUNT), DrawKey(0, 0, epoch))
        for image, box, label in zip(views[0], boxes[:, 0], labels[:, 0], strict=True):
            if label == 1:
                seen += 1
                np.testing.assert_allclose(box, _extent(image), atol=1.6 / SIDE)
    assert seen > 30


def test_without_changes_the_image_and_its_boxes_stay() -> None:
    pixels, images = _white_boxes()
    table = AugmentTable(jitter_share=0.0, flip_share=0.0, zoom_share=0.0)
    views, boxes, _ = BoxSampler(images, PLAIN, table)(
        pixels, SIZES, np.arange(COUNT), DrawKey(0, 0, 0)
    )
    assert views.shape == (1, COUNT, 3, SIDE, SIDE)
    np.testing.assert_allclose(boxes[:, 0], [one.shares[0] for one in images], atol=1e-6)


def test_a_sample_is_drawn_the_same_in_any_batch() -> None:
    pixels, images = _white_boxes()
    sampler = BoxSampler(images, DenseImageTable(input_px=SIDE), AugmentTable())
    whole = sampler(pixels, SIZES, np.arange(COUNT), DrawKey(3, 0, 1))
    some = np.array([7, 2])
    part = sampler(pixels[some], SIZES[some], some, DrawKey(3, 0, 1))
    torch.testing.assert_close(part[0][0], whole[0][0][some], rtol=0, atol=0)
    torch.testing.assert_close(part[1][:, :1], whole[1][some][:, :1], rtol=0, atol=0)


def test_boxes_that_a_crop_shows_too_little_of_are_not_learned() -> None:
    pixels, images = _white_boxes()
    table = AugmentTable(area=(0.1, 0.1), zoom_share=1.0, min_visible=0.9)
    kinds = torch.cat([
        BoxSampler(images, PLAIN, table)(pixels, SIZES, np.arange(COUNT), DrawKey(0, 0, e))[2]
        for e in range(3)
    ])  # fmt: skip
    assert {-1, -3} <= set(kinds.unique().tolist()) <= {-1, -3, 1}
