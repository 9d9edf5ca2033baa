"""Images that look nearly the same as one of another set: re-encoded files, the next shot."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from edgessl.metrics.knn import thumbnails

NEAR = 0.97
"""Correlation of 16 x 16 thumbnails. Of 2,676 photographs of two sets (goods in shops, clothes)
none comes up to it with one of train; re-encoded, resized and slightly cut files do."""
_AT_ONCE = 1024


@torch.no_grad()
def count_near_copies(pixels: NDArray[np.uint8], others: NDArray[np.uint8]) -> int:
    """Count images that look nearly the same as one of the others.

    Args:
        pixels: ``(N, 3, H, W)`` uint8.
        others: ``(M, 3, H, W)`` uint8.
    """
    if not len(pixels) or not len(others):
        return 0
    return count_near_rows(thumbnails(pixels), thumbnails(others))


@torch.no_grad()
def count_near_rows(rows: Tensor, others: Tensor) -> int:
    """Count thumbnails that are nearly the same as one of the others.

    Args:
        rows: ``(N, D)``, as ``thumbnails`` makes them.
        others: ``(M, D)``.
    """
    if not len(rows) or not len(others):
        return 0
    bank = normalize(others, dim=1)
    parts = torch.split(normalize(rows, dim=1), _AT_ONCE)
    return sum(int(((part @ bank.T).amax(dim=1) >= NEAR).sum()) for part in parts)
