"""Originals of a stage, read ahead in the order that it visits them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgessl.cores import usable_cores
from edgessl.data.decode import ROOM, BadImage, read_image
from edgessl.data.parallel import ordered_map
from edgessl.dense.originals import Listed
from edgessl.errors import UserError
from edgessl.rng import DrawKey, permutation
from edgessl.train import TrainingData

_AHEAD = 3  # batches


def read_pixels(image: Listed) -> NDArray[np.uint8]:
    """Read an original, ``(3, H, W)``.

    Raises:
        UserError: The file is not what it was.
    """
    try:
        with ROOM.held():
            pixels = np.asarray(read_image(image.path, digest=image.digest))
    except BadImage as bad:
        raise UserError(f"{image.path}: must be an image, got: {bad}; replace it") from bad
    return pixels.transpose(2, 0, 1)


class Stream:
    """Visits of images: passes over a set, one after the other, each in an order of its own.

    Args:
        images: The set.
        visits: How many.
        seed: Of the run.
        stage: Number of the stage.

    Attributes:
        order: Place in the set of each visit, ``(visits,)``.
        sizes: Height and width of each visit's image, ``(visits, 2)`` int32.
    """

    def __init__(
        self, images: Sequence[Listed], sizes: NDArray[np.int32], visits: int, seed: int, stage: int
    ) -> None:
        self._images = images
        passes = -(-visits // len(images))
        orders = [permutation(DrawKey(seed, stage, one), len(images)) for one in range(passes)]
        self.order = np.concatenate(orders)[:visits]
        self.sizes = sizes[self.order]

    def __len__(self) -> int:
        """Return the number of visits."""
        return len(self.order)

    def batches(self, ids: Iterable[NDArray[np.int64]], device: torch.device) -> Iterator[Tensor]:
        """Yield the images of every batch, padded at right and bottom to the largest.

        Args:
            ids: Visits of each batch, ``(B,)``; taken ahead of need.
            device: Where the images shall be.

        Yields:
            ``(B, 3, H, W)`` uint8 on the device.
        """

        def gather(chosen: NDArray[np.int64]) -> Tensor:
            height, width = self.sizes[chosen].max(axis=0).tolist()
            batch = torch.zeros(len(chosen), 3, height, width, dtype=torch.uint8, device="cpu")
            for row, place in zip(batch, self.order[chosen].tolist(), strict=True):
                pixels = read_pixels(self._images[place])
                row[:, : pixels.shape[1], : pixels.shape[2]] = torch.from_numpy(pixels.copy())
            return batch

        threads = min(4, usable_cores())
        for batch in ordered_map(gather, ids, threads=threads, ahead=_AHEAD * threads):
            yield batch.to(device, non_blocking=True)


class Visits(TrainingData):
    """A stage of one epoch, whose images are the visits of a stream, in its order."""

    def order(self, key: DrawKey) -> NDArray[np.int64]:
        """Return all visits, ``(N,)``."""
        return np.arange(len(self), dtype=np.int64)
