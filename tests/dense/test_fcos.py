"""FCOS gives each cell the object that the paper says, learns, and decodes what it was taught."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from edgessl.backbones import Backbone
from edgessl.dense.detection.fcos import REACH, FcosLite, points_of
from edgessl.dense.detection.fcos_loss import BACKGROUND, NOTHING, assign, fcos_loss, middle_of
from edgessl.dense.detection.network import Decoded, build_detector
from edgessl.recipe.detector_table import FcosLiteTable

STRIDES, SIDE, RADIUS = (8, 16), 64, 1.5
TABLE = FcosLiteTable(name="fcoslite", width=16, strides=STRIDES, depth=1)


def slow_assign(points: Tensor, steps: Tensor, boxes: Tensor, kinds: Tensor) -> list[int]:
    """The same, cell by cell and box by box, from the text."""
    found = []
    for (x, y), step in zip(points.tolist(), steps.tolist(), strict=True):
        best, place, ignored = math.inf, BACKGROUND, False
        for i, ((left, top, right, bottom), kind) in enumerate(
            zip(boxes.tolist(), kinds.tolist(), strict=True)
        ):
            away = (x - left, y - top, right - x, bottom - y)
            if min(away) <= 0:
                continue
            ignored |= kind < -1
            low = 0.0 if step == STRIDES[0] else REACH / 2 * step
            high = math.inf if step == STRIDES[-1] else REACH * step
            near = max(abs(x - (left + right) / 2), abs(y - (top + bottom) / 2)) < RADIUS * step
            area = (right - left) * (bottom - top)
            if kind >= 0 and low < max(away) <= high and near and area < best:
                best, place = area, i
        found.append(NOTHING if place == BACKGROUND and ignored else place)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_cells_learn_what_the_paper_says(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    low = 48 * torch.rand(9, 2, generator=generator)
    boxes = torch.cat([low, low + 4 + 40 * torch.rand(9, 2, generator=generator)], dim=1)
    kinds = torch.tensor([0, 1, 2, 0, 1, -1, -2, -3, 2])
    points, steps = points_of(STRIDES, SIDE)
    found = assign(points, steps, boxes, kinds, reach=REACH, radius=RADIUS)
    assert found.tolist() == slow_assign(points, steps, boxes, kinds)
    assert {-1} < set(found.tolist())


def test_the_middle_is_one_in_the_centre_and_zero_at_a_side() -> None:
    points = torch.tensor([[5.0, 5.0], [0.0, 5.0], [2.5, 5.0]])
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0]] * 3)
    expected = [1.0, 0.0, math.sqrt(1 / 3)]
    np.testing.assert_allclose(middle_of(points, boxes), expected, atol=1e-6)


def test_perfect_boxes_cost_nothing_and_an_image_without_objects_is_background() -> None:
    points, steps = points_of(STRIDES, SIDE)
    box = torch.tensor([[[12.0, 12.0, 40.0, 40.0]], [[0.0, 0.0, 1.0, 1.0]]])
    kinds = torch.tensor([[1], [-1]])
    corners = box[0].expand(len(points), 4).expand(2, -1, -1)
    logits = torch.full((2, len(points), 3), -20.0)
    settings = {"reach": REACH, "radius": RADIUS}
    learned = assign(points, steps, box[0], kinds[0], **settings) == 0
    logits[0, learned, 1] = 20.0
    middles = torch.full((2, len(points)), 20.0)
    classes, places, _ = fcos_loss(logits, corners, middles, points, steps, box, kinds, **settings)
    assert learned.any()
    assert classes.item() == pytest.approx(0.0, abs=1e-5)
    assert places.item() == pytest.approx(0.0, abs=1e-5)


def test_it_learns_one_image_and_finds_its_box() -> None:
    torch.manual_seed(0)
    detector = build_detector(Backbone("mobilenetv3s", "keep", SIDE), 2, TABLE, SIDE)
    assert isinstance(detector, FcosLite)
    images = torch.zeros(2, 3, SIDE, SIDE)
    images[:, :, 16:44, 12:44] = 1.0
    boxes = torch.tensor([12, 16, 44, 44]).expand(2, 1, 4) / SIDE
    kinds = torch.ones(2, 1, dtype=torch.int64)
    optimizer = torch.optim.Adam(detector.parameters(), lr=0.01)
    told = []
    for _ in range(24):
        costs = detector.costs(images, boxes, kinds)
        told.append(costs["class_cost"].item() + costs["box_cost"].item())
        optimizer.zero_grad()
        torch.stack([*costs.values()]).sum().backward()
        optimizer.step()
    assert told[-1] < 0.2 * told[0]
    with torch.no_grad():
        output = Decoded(detector).train()(images)[0]  # 24 steps do not move BN's statistics enough
    assert output.shape == (detector.places, 4 + 2)
    best = output[output[:, 4:].amax(dim=1).argmax()]
    assert best[4:].argmax() == 1
    np.testing.assert_allclose(best[:4] * SIDE, [12, 16, 44, 44], atol=6)
