"""Nearest neighbours by Euclidean distance and plain majority, over many numbers of neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

KS = tuple(range(1, 102, 2))
"""Numbers of neighbours that are tried, odd."""
_CHUNK = 1024  # queries at a time


@torch.no_grad()
def nearest(bank: Tensor, query: Tensor, count: int) -> Tensor:
    """Find the nearest features of a bank.

    Args:
        bank: ``(N, D)``.
        query: ``(Q, D)``.
        count: How many of each; all where N is smaller.

    Returns:
        Their positions, the nearest first, ``(Q, k)`` int64.
    """
    return _nearest(bank, query, min(count, len(bank)), itself=False)


@torch.no_grad()
def nearest_others(features: Tensor, count: int) -> Tensor:
    """Find the nearest other features of each.

    Args:
        features: ``(N, D)``, N >= 2.
        count: How many of each; all others where there are fewer.

    Returns:
        Their positions, the nearest first, ``(N, k)`` int64.
    """
    return _nearest(features, features, min(count, len(features) - 1), itself=True)


def _nearest(bank: Tensor, query: Tensor, count: int, *, itself: bool) -> Tensor:
    # Around the bank's mean, so that little is lost where features share a large part.
    centre = bank.mean(dim=0)
    rows, asked = bank - centre, query - centre
    found = []
    for start in range(0, len(asked), _CHUNK):
        distance = torch.cdist(asked[start : start + _CHUNK], rows)  # (q, N)
        if itself:
            distance.diagonal(start).fill_(torch.inf)
        found.append(distance.topk(count, dim=1, largest=False).indices)
    return torch.cat(found) if found else torch.empty(0, count, dtype=torch.int64)


@torch.no_grad()
def majority_votes(
    index: Tensor, labels: Tensor, num_classes: int, ks: Sequence[int] = KS
) -> dict[int, Tensor]:
    """Let the first k neighbours of each query vote, for every k.

    Args:
        index: Positions of neighbours in the bank, the nearest first, ``(Q, n)``.
        labels: Of the bank, ``(N,)`` int64.
        num_classes: Number of classes ``K``.
        ks: Numbers of neighbours, ascending; those beyond n are left out, but for the first.

    Returns:
        By k the class with the most votes, ``(Q,)``: of several, the lowest index, as ssl-small's
        code has it.

    Source:
        ssl-small (Shi et al., AAAI 2022), "best-NN": the best of these accuracies.
    """
    wanted = [k for k in ks if k <= index.shape[1]] or [index.shape[1]]
    votes = torch.zeros(len(index), num_classes, dtype=torch.int32)
    found: dict[int, Tensor] = {}
    for rank in range(wanted[-1]):
        votes += one_hot(labels[index[:, rank]], num_classes)
        if rank + 1 in wanted:
            found[rank + 1] = votes.argmax(dim=1)
    return found
