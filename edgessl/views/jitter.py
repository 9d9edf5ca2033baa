"""Colour jitter of a batch in which every sample has an order of operations of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from edgessl.views.colour import JITTER
from edgessl.views.parts import parts

ORDERS = (
    (0, 1, 3, 2), (1, 0, 3, 2), (1, 3, 0, 2), (1, 3, 2, 0), (3, 1, 2, 0), (3, 1, 0, 2),
    (3, 0, 1, 2), (0, 3, 1, 2), (0, 3, 2, 1), (3, 0, 2, 1), (3, 2, 0, 1), (3, 2, 1, 0),
    (2, 3, 1, 0), (2, 3, 0, 1), (2, 0, 3, 1), (0, 2, 3, 1), (0, 2, 1, 3), (2, 0, 1, 3),
    (2, 1, 0, 3), (2, 1, 3, 0), (1, 2, 3, 0), (1, 2, 0, 3), (1, 0, 2, 3), (0, 1, 2, 3),
)  # fmt: skip
"""The 24 orders of the four operations, each one swap of neighbours away from the next."""

SCHEDULE = (
    (0, 0, 1), (0, 7, 9), (0, 15, 17), (0, 23, 24), (1, 0, 4), (1, 20, 24), (0, 1, 2), (0, 22, 23),
    (2, 12, 24), (0, 14, 15), (0, 17, 18), (0, 21, 22), (1, 16, 20), (0, 18, 19), (3, 0, 24),
    (0, 2, 3), (0, 6, 7), (0, 9, 10), (0, 13, 14), (0, 19, 21), (1, 4, 8), (0, 5, 6), (2, 0, 12),
    (0, 10, 11), (0, 3, 5), (1, 8, 16), (0, 11, 13),
)  # fmt: skip
"""Operation, first order, past the last order: done from left to right, every order gets its own.

Neighbours share three of four operations, so 96 - 23 x 3 = 27 runs do. Which one they do not share
is free: here it is seldom the dearest, so hue runs once, saturation twice, contrast five times.
"""

NO_JITTER = len(ORDERS)
_NUMBER_OF = {order: number for number, order in enumerate(ORDERS)}


def order_numbers(jitter: NDArray[np.bool_], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find each sample's order among ``ORDERS``.

    Args:
        jitter: Whether to jitter at all, ``(N,)``.
        order: Which operation runs first, second, third, fourth, ``(N, 4)``.

    Returns:
        Number of the order, or ``NO_JITTER``, ``(N,)``.
    """
    table = np.zeros((4, 4, 4), dtype=np.int64)
    for places, number in _NUMBER_OF.items():
        table[places[:3]] = number
    return np.where(jitter, table[order[:, 0], order[:, 1], order[:, 2]], NO_JITTER)


def apply_jitter(
    pixels: Tensor, numbers: NDArray[np.int64], factors: Tensor, strengths: Sequence[float]
) -> None:
    """Jitter samples in place; those that go through an operation together lie side by side.

    Args:
        pixels: In [0, 1], ``(N, 3, H, W)``.
        numbers: Number of each sample's order, ascending, ``(N,)``.
        factors: Of the four operations, ``(N, 4)``.
        strengths: Of the four operations; those of 0 are left out.
    """
    edges = np.searchsorted(numbers, np.arange(NO_JITTER + 1)).tolist()
    sample = pixels[0].numel() if len(pixels) else 1
    for operation, first, stop in SCHEDULE:
        if strengths[operation] > 0.0:
            for part in parts(edges[stop], sample, pixels.device, first=edges[first]):
                JITTER[operation](pixels[part], factors[part, operation])
