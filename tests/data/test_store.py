"""A store gives the images that are asked for, in order, wherever they live."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pictures import save

from edgessl.data.pack import Pack, build_pack
from edgessl.data.store import DeviceStore, FirstImages, ImageStore, MappedStore, MemoryStore
from edgessl.data.verify import verify

CPU = torch.device("cpu")
IDS = [np.array(ids, np.int64) for ids in ([3, 0, 3], [5], [1, 2, 4, 0], [5, 5], [0], [1], [2])]

STORES: dict[str, Callable[[Pack], ImageStore]] = {
    "RAM": MemoryStore.of,
    "mapped": MappedStore,
    "device": lambda pack: DeviceStore.of(pack, CPU),
}


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Six packed pictures."""
    paths = [save(tmp_path / f"{i}.png", i, (20 + i, 20)) for i in range(6)]
    return build_pack(paths, [found.digest for found in verify(paths)], 16)


def _noise(count: int) -> tuple[torch.Tensor, NDArray[np.int32]]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, 3, 8, 8), dtype=torch.uint8, generator=generator)
    return images, np.arange(2 * count, dtype=np.int32).reshape(count, 2)


@pytest.mark.parametrize("where", STORES)
def test_every_store_gives_the_pack_s_images(pack: Pack, where: str) -> None:
    store = STORES[where](pack)
    got = list(store.batches(IDS, CPU))
    assert len(store) == 6
    assert np.array_equal(store.sizes, pack.sizes)
    assert all(
        np.array_equal(batch, pack.images[ids]) for batch, ids in zip(got, IDS, strict=True)
    )


@pytest.mark.parametrize("where", STORES)
def test_an_iteration_may_be_left_and_another_begun(pack: Pack, where: str) -> None:
    store = STORES[where](pack)
    first = store.batches(IDS, CPU)
    next(first)
    del first
    assert len(list(store.batches(IDS, CPU))) == len(IDS)


def test_a_mapped_store_takes_no_more_ids_than_it_reads_ahead(pack: Pack) -> None:
    taken: list[int] = []

    def ids() -> object:
        for number in range(100):
            taken.append(number)
            yield np.array([number % 6], np.int64)

    batches = MappedStore(pack).batches(ids(), CPU)  # type: ignore[arg-type]
    next(batches)
    assert len(taken) < 10


def test_images_in_memory_are_not_copied() -> None:
    images, sizes = _noise(6)
    store = MemoryStore(images, sizes)
    assert store.images.data_ptr() == images.data_ptr()


def test_the_first_images_share_the_store_s_memory() -> None:
    images, sizes = _noise(6)
    store = FirstImages(MemoryStore(images, sizes), 4)
    assert len(store) == 4
    assert np.array_equal(store.sizes, sizes[:4])
    assert np.shares_memory(store.sizes, sizes)
    (batch,) = store.batches([np.array([3, 1])], CPU)
    assert torch.equal(batch, images[[3, 1]])


@pytest.mark.gpu
@pytest.mark.parametrize("where", ["RAM", "mapped", "GPU"])
def test_images_arrive_on_the_gpu(pack: Pack, where: str) -> None:
    gpu = torch.device("cuda")
    stores = {**STORES, "GPU": lambda pack: DeviceStore.of(pack, gpu)}
    for batch, ids in zip(stores[where](pack).batches(IDS, gpu), IDS, strict=True):
        assert batch.device.type == "cuda"
        assert np.array_equal(batch.cpu(), pack.images[ids])
