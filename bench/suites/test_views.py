"""How long the views of a batch take: 32 images, 2 x 64 + 6 x 36 px, packed at 128 px."""

from __future__ import annotations

from itertools import count

import numpy as np
import torch
from loops import BATCH, GROUPS, MEAN, STD
from pytest_benchmark.fixture import BenchmarkFixture

from edgessl.rng import DrawKey
from edgessl.views import ViewSampler

PACK_PX = 128


def test_views_of_a_batch(benchmark: BenchmarkFixture) -> None:
    generator = torch.Generator().manual_seed(0)
    packed = torch.randint(
        256, (BATCH, 3, PACK_PX, PACK_PX), dtype=torch.uint8, generator=generator
    )
    sizes = np.full((BATCH, 2), 400, np.int32)
    ids = np.arange(BATCH)
    sampler = ViewSampler(GROUPS, MEAN, STD, torch.channels_last)
    epochs = count()
    views = benchmark(lambda: sampler(packed, sizes, ids, DrawKey(0, 0, next(epochs))))
    assert [tuple(group.shape) for group in views] == [
        (2, BATCH, 3, 64, 64), (6, BATCH, 3, 36, 36),
    ]  # fmt: skip
