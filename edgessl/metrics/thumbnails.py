"""The baseline that learned nothing: nearest neighbours of tiny copies of the images."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate, normalize, one_hot

THUMBNAIL_PX = 16
_CHUNK = 1024


@torch.no_grad()
def thumbnails(pixels: NDArray[np.uint8]) -> Tensor:
    """Shrink images to 16 x 16 and take each one's mean away.

    Args:
        pixels: ``(N, 3, H, W)`` uint8.

    Returns:
        ``(N, 768)`` float32.
    """
    rows = []
    for start in range(0, len(pixels), _CHUNK):
        images = torch.from_numpy(np.array(pixels[start : start + _CHUNK])).float()
        small = interpolate(
            images, size=(THUMBNAIL_PX, THUMBNAIL_PX), mode="bilinear", antialias=True
        )
        flat = small.flatten(1)
        rows.append(flat - flat.mean(dim=1, keepdim=True))
    return torch.cat(rows)


@torch.no_grad()
def thumbnail_5nn(
    train_pixels: NDArray[np.uint8],
    train_labels: Tensor,
    query_pixels: NDArray[np.uint8],
    num_classes: int,
) -> Tensor:
    """Let the 5 most similar thumbnails (cosine) vote with equal weight.

    Args:
        train_pixels: ``(N, 3, H, W)`` uint8.
        train_labels: Class indices, ``(N,)`` int64.
        query_pixels: ``(Q, 3, H, W)`` uint8.
        num_classes: Number of classes ``K``.

    Returns:
        Class indices, ``(Q,)``. Among classes with as many votes, the one of the nearest thumbnail
        wins.
    """
    bank = normalize(thumbnails(train_pixels), dim=1)
    query = normalize(thumbnails(query_pixels), dim=1)
    index = (query @ bank.T).topk(min(5, len(bank)), dim=1).indices  # (Q, 5)
    ballots = one_hot(train_labels[index], num_classes).float()  # (Q, 5, K)
    # Weights 1 + 2^-(rank + 4) sum to less than one vote more: they decide ties and nothing else.
    rank = torch.arange(ballots.shape[1]).view(1, -1, 1)
    return (ballots * (1 + 2.0 ** -(rank + 4))).sum(dim=1).argmax(dim=1)
