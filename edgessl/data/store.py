"""Where packed images live while a stage trains on them: one protocol, and images in RAM."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


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

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, ids: Iterable[NDArray[np.int64]], device: torch.device) -> Iterator[Tensor]:
        """Yield the images of every batch; see ``ImageStore``."""
        for chosen in ids:
            yield to_device(self.images, chosen, device)


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


def to_device(images: Tensor, ids: NDArray[np.int64], device: torch.device) -> Tensor:
    """Gather images of a CPU tensor on a device.

    A GPU copies from pinned memory while the CPU goes on; torch's allocator keeps that memory until
    the copy is done.

    Args:
        images: ``(N, 3, S, S)`` uint8 on the CPU.
        ids: Which, ``(B,)``.
        device: Where they shall be.

    Returns:
        ``(B, 3, S, S)`` uint8 on the device.
    """
    index = torch.from_numpy(ids)
    if device.type != "cuda":
        return images.index_select(0, index).to(device)
    gathered = torch.empty((len(ids), *images.shape[1:]), dtype=images.dtype, pin_memory=True)
    torch.index_select(images, 0, index, out=gathered)
    return gathered.to(device, non_blocking=True)
