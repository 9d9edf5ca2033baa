"""Views of a batch whose first images are labelled and whose others are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from edgessl.rng import DrawKey
from edgessl.views.sampler import ViewSampler


class SplitSampler:
    """Makes some groups of views of the labelled images, and others of the rest.

    Args:
        labelled: Makes the views of labelled images.
        others: Makes those of the others.
        count: Labelled images have sample ids below it.
    """

    def __init__(self, labelled: ViewSampler, others: ViewSampler, count: int) -> None:
        self._labelled = labelled
        self._others = others
        self._count = count

    def __call__(
        self, packed: Tensor, sizes: NDArray[np.int32], ids: NDArray[np.int64], key: DrawKey
    ) -> list[Tensor]:
        """Make all views of a batch.

        Args:
            packed: Squashed pixels, labelled images first, ``(B + M, 3, S, S)`` uint8.
            sizes: Original height and width of each image, ``(B + M, 2)``.
            ids: Sample ids, ``(B + M,)``.
            key: Seed, stage and epoch.

        Returns:
            Groups of labelled images, ``(V, B, 3, H, W)``, then of the others, ``(V, M, 3, H, W)``.
        """
        at = int(np.count_nonzero(ids < self._count))
        first = self._labelled(packed[:at], sizes[:at], ids[:at], key)
        return first + self._others(packed[at:], sizes[at:], ids[at:], key)
