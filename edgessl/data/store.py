"""Where packed images live while a stage trains on them: in RAM, on disk or on the GPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgessl.data.pack_file import Pack
from edgessl.data.parallel import ordered_map

_READERS = 4  # batches read at a time, so that a disk has several requests to work on
_CHUNK_BYTES = 2**26  # of a pack on its way to the GPU


class ImageStore(Protocol):
    """Packed images of a stage, wherever they live.

    Attributes:
        sizes: Height and width of the upright originals in pixels, ``(N, 2)`` int32.
    """

    sizes: NDArray[np.int32]

    def __len__(self) -> int:
        """Return the number of images, N."""
        ...

    def batches(self, ids: Iterable[NDArray[np.int64]], device: torch.device) -> Iterator[Tensor]:
        """Yield the images of every batch, in order, read ahead where that helps.

        Args:
            ids: Sample ids of each batch, ``(B,)`` in ``[0, N)``; taken ahead of need.
            device: Where the images shall be.

        Yields:
            ``(B, 3, S, S)`` uint8 on the device.
        """
        ...


class MemoryStore:
    """Packed images in RAM.

    Args:
        images: ``(N, 3, S, S)`` uint8 on the CPU. It is kept as it is, without a copy.
        sizes: Height and width of the originals, ``(N, 2)``.
    """

    def __init__(self, images: Tensor, sizes: NDArray[np.int32]) -> None:
        self.images = images
        self.sizes = sizes

    @classmethod
    def of(cls, pack: Pack) -> MemoryStore:
        """Read a pack into RAM."""
        images = torch.empty(pack.images.shape, dtype=torch.uint8)
        pack.read(0, images.numpy())
        return cls(images, pack.sizes)

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, ids: Iterable[NDArray[np.int64]], device: torch.device) -> Iterator[Tensor]:
        """Yield the images of every batch; see ``ImageStore``."""
        for chosen in ids:
            yield _gather(self.images, chosen, device).to(device, non_blocking=True)


class MappedStore:
    """Packed images on disk, memory-mapped: the kernel keeps as many in RAM as it has room for.

    All processes of a machine share those pages, and they are given back when memory runs short.

    Args:
        pack: The file.
    """

    def __init__(self, pack: Pack) -> None:
        # Copy-on-write, because torch warns of arrays that it could not write to; nothing does.
        mapped = np.memmap(pack.path, np.uint8, "c", pack.offset, pack.images.shape)
        self._images = torch.from_numpy(mapped)
        self.sizes = pack.sizes

    def __len__(self) -> int:
        return len(self.sizes)

    def batches(self, ids: Iterable[NDArray[np.int64]], device: torch.device) -> Iterator[Tensor]:
        """Yield the images of every batch, read ahead by threads; see ``ImageStore``."""

        def gather(chosen: NDArray[np.int64]) -> Tensor:
            return _gather(self._images, chosen, device)

        for images in ordered_map(gather, ids, threads=_READERS, ahead=_READERS):
            yield images.to(device, non_blocking=True)


class DeviceStore:
    """Packed images resident on the device that trains.

    Args:
        images: ``(N, 3, S, S)`` uint8 on the device.
        sizes: Height and width of the originals, ``(N, 2)``.
    """

    def __init__(self, images: Tensor, sizes: NDArray[np.int32]) -> None:
        self.images = images
        self.sizes = sizes

    @classmethod
    def of(cls, pack: Pack, device: torch.device) -> DeviceStore:
        """Copy a pack to a device, a piece at a time."""
        shape = pack.images.shape
        images = torch.empty(shape, dtype=torch.uint8, device=device)
        step = max(1, _CHUNK_BYTES // (3 * shape[-1] ** 2))
        piece = torch.empty((min(step, len(images)), *shape[1:]), dtype=torch.uint8)
        for first in range(0, len(images), step):
            count = min(step, len(images) - first)
            pack.read(first, piece[:count].numpy())
            images[first : first + count] = piece[:count]
        return cls(images, pack.sizes)

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, ids: Iterable[NDArray[np.int64]], device: torch.device) -> Iterator[Tensor]:
        """Yield the images of every batch; see ``ImageStore``."""
        for chosen in ids:
            index = torch.from_numpy(chosen).to(self.images.device, non_blocking=True)
            yield self.images.index_select(0, index).to(device)


class FirstImages:
    """The first images of a store, without a copy: labelled images come first in a pack.

    Args:
        store: Holds them and others.
        count: How many; sample ids stay what they are.
    """

    def __init__(self, store: ImageStore, count: int) -> None:
        self._store = store
        self.sizes = store.sizes[:count]

    def __len__(self) -> int:
        return len(self.sizes)

    def batches(self, ids: Iterable[NDArray[np.int64]], device: torch.device) -> Iterator[Tensor]:
        """Yield the images of every batch; see ``ImageStore``."""
        return self._store.batches(ids, device)


class ChosenImages:
    """Some images of a store, without a copy.

    Args:
        store: Holds them and others.
        chosen: Their sample ids there; here they are numbered from 0.
    """

    def __init__(self, store: ImageStore, chosen: Sequence[int]) -> None:
        self._store = store
        self._chosen = np.array(chosen, np.int64)
        self.sizes = store.sizes[self._chosen]

    def __len__(self) -> int:
        return len(self.sizes)

    def batches(self, ids: Iterable[NDArray[np.int64]], device: torch.device) -> Iterator[Tensor]:
        """Yield the images of every batch; see ``ImageStore``."""
        return self._store.batches((self._chosen[part] for part in ids), device)


def batch_buffer(count: int, size_px: int, device: torch.device) -> Tensor:
    """Return CPU memory for a batch, from which the device copies while the CPU goes on.

    torch's allocator keeps pinned memory until the copy is done.

    Args:
        count: Images in it, B.
        size_px: Their side, S.
        device: Where they will go.

    Returns:
        ``(B, 3, S, S)`` uint8, uninitialised.
    """
    shape = (count, 3, size_px, size_px)
    return torch.empty(shape, dtype=torch.uint8, pin_memory=device.type == "cuda")


def _gather(images: Tensor, ids: NDArray[np.int64], device: torch.device) -> Tensor:
    gathered = batch_buffer(len(ids), images.shape[-1], device)
    return torch.index_select(images, 0, torch.from_numpy(ids), out=gathered)
