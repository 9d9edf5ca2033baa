"""Images that look nearly the same as one of another set: re-encoded files, the next shot."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
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
    bank, found = normalize(thumbnails(others), dim=1), 0
    for start in range(0, len(pixels), _AT_ONCE):
        part = normalize(thumbnails(pixels[start : start + _AT_ONCE]), dim=1)
        found += int(((part @ bank.T).amax(dim=1) >= NEAR).sum())
    return found
