"""Raw thumbnails ignore brightness, know layout, and break ties by nearness."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from edgessl.metrics.knn import thumbnail_5nn, thumbnails


def halves(bright_left: bool, offset: int, side: int = 48) -> NDArray[np.uint8]:
    image = np.full((3, side, side), 40 + offset, dtype=np.uint8)
    columns = slice(0, side // 2) if bright_left else slice(side // 2, side)
    image[:, :, columns] += 100
    return image


def test_a_thumbnail_is_16_by_16_and_mean_free() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 50, 50), dtype=np.uint8)
    rows = thumbnails(pixels)
    assert rows.shape == (4, 3 * 16 * 16)
    torch.testing.assert_close(rows.mean(dim=1), torch.zeros(4), rtol=0, atol=1e-4)


def test_layout_is_recognised_at_another_brightness() -> None:
    train = np.stack([halves(True, 0), halves(False, 5), halves(True, 10), halves(False, 15)])
    labels = torch.tensor([0, 1, 0, 1])
    query = np.stack([halves(True, 90), halves(False, 90)])
    assert thumbnail_5nn(train, labels, query, 2).tolist() == [0, 1]


def test_the_nearest_of_tied_classes_wins() -> None:
    random = np.random.default_rng(1)
    train = random.integers(0, 256, (4, 3, 16, 16), dtype=np.uint8)
    labels = torch.tensor([0, 0, 1, 1])
    assert thumbnail_5nn(train, labels, train[3:4], 2).tolist() == [1]
