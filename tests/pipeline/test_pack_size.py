"""The pack is as large as the views need, and no larger than the originals."""

from __future__ import annotations

import pytest

from edgessl.recipe.view_tables import ViewGroup
from edgessl.train.place.images import pack_size_px


@pytest.mark.parametrize(
    ("views", "short_px", "expected"),
    [
        ([(64, (0.3, 1.0)), (36, (0.05, 0.3))], 500, 128),  # 64 / sqrt(0.475) and 36 / sqrt(0.1125)
        ([(224, (0.3, 1.0)), (128, (0.05, 0.3))], 500, 384),
        ([(224, (0.3, 1.0)), (128, (0.05, 0.3))], 300, 320),  # the originals have no more
        ([(32, (1.0, 1.0))], 500, 32),
        ([(32, (1.0, 1.0))], 20, 32),
    ],
)
def test_pack_size(
    views: list[tuple[int, tuple[float, float]]], short_px: int, expected: int
) -> None:
    groups = [ViewGroup(count=1, size_px=size, scale=scale) for size, scale in views]
    assert pack_size_px(groups, short_px) == expected
