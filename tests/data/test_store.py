"""A store gives the images that are asked for, in order, wherever they live."""

from __future__ import annotations

import numpy as np
import torch

from edgessl.data.store import FirstImages, MemoryStore

CPU = torch.device("cpu")
IDS = [np.array(ids, np.int64) for ids in ([3, 0, 3], [5], [1, 2, 4, 0])]


def _noise(count: int) -> tuple[torch.Tensor, np.ndarray]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, 3, 8, 8), dtype=torch.uint8, generator=generator)
    return images, np.arange(2 * count, dtype=np.int32).reshape(count, 2)


def test_memory_gives_the_images_of_each_batch() -> None:
    images, sizes = _noise(6)
    store = MemoryStore(images, sizes)
    got = list(store.batches(IDS, CPU))
    assert len(store) == 6
    assert all(torch.equal(batch, images[ids]) for batch, ids in zip(got, IDS, strict=True))


def test_the_first_images_share_the_store_s_memory() -> None:
    images, sizes = _noise(6)
    store = FirstImages(MemoryStore(images, sizes), 4)
    assert len(store) == 4
    assert np.array_equal(store.sizes, sizes[:4])
    assert np.shares_memory(store.sizes, sizes)
    (batch,) = store.batches([np.array([3, 1])], CPU)
    assert torch.equal(batch, images[[3, 1]])
