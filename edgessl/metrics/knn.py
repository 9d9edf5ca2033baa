"""Nearest neighbours: of features, and of raw pixels as what they have to beat."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate, normalize, one_hot

_CHUNK = 1024  # queries at a time: 1024 x 50,000 similarities are 200 MB


def knn_predict(
    train_features: Tensor,
    train_labels: Tensor,
    query: Tensor,
    num_classes: int,
    k: int = 20,
    temperature: float = 0.07,
) -> Tensor:
    """Return the class with the most votes of ``knn_votes``, ``(Q,)`` int64."""
    return knn_votes(train_features, train_labels, query, num_classes, k, temperature).argmax(dim=1)


@torch.no_grad()
def knn_votes(
    train_features: Tensor,
    train_labels: Tensor,
    query: Tensor,
    num_classes: int,
    k: int = 20,
    temperature: float = 0.07,
) -> Tensor:
    """Let the k most similar training images vote, each with weight exp(similarity / T).

    Args:
        train_features: ``(N, D)``; the length of a feature does not matter.
        train_labels: Class indices, ``(N,)`` int64.
        query: ``(Q, D)``, on the same device.
        num_classes: Number of classes ``K``.
        k: Neighbours that vote; all of them where N is smaller.
        temperature: T > 0.

    Returns:
        Sums of weights, ``(Q, K)``.

    Source:
        Wu et al. 2018, arXiv:1805.01978, section 3.4.
    """
    bank = normalize(train_features.float(), dim=1)  # (N, D)
    neighbours = min(k, len(bank))
    votes = []
    for chunk in torch.split(normalize(query.float(), dim=1), _CHUNK):
        similarity, index = (chunk @ bank.T).topk(neighbours, dim=1)  # (q, k)
        votes.append(_vote(similarity, train_labels[index], num_classes, temperature))
    return torch.cat(votes) if votes else query.new_empty(0, num_classes, dtype=torch.float32)


@torch.no_grad()
def knn_leave_one_out(
    features: Tensor, labels: Tensor, num_classes: int, k: int = 20, temperature: float = 0.07
) -> Tensor:
    """Let the k most similar other images of the same set vote for each image.

    It needs no second set, and is not comparable with votes of ``train`` for ``val``.

    Args:
        features: ``(N, D)``, N >= 2.
        labels: Class indices, ``(N,)`` int64.
        num_classes: Number of classes ``K``.
        k: Neighbours that vote; all others where there are fewer.
        temperature: T > 0.

    Returns:
        Class indices, ``(N,)`` int64.

    Source:
        SSLight's monitor (its validation images among themselves).
    """
    rows = normalize(features.float(), dim=1)
    neighbours = min(k, len(rows) - 1)
    predictions = []
    for start in range(0, len(rows), _CHUNK):
        similarity = rows[start : start + _CHUNK] @ rows.T
        similarity.diagonal(start).fill_(-torch.inf)
        best, index = similarity.topk(neighbours, dim=1)
        predictions.append(_vote(best, labels[index], num_classes, temperature).argmax(dim=1))
    return torch.cat(predictions)


def _vote(similarity: Tensor, labels: Tensor, num_classes: int, temperature: float) -> Tensor:
    # Relative to the best neighbour: the same winner, and exp cannot overflow.
    weight = ((similarity - similarity[:, :1]) / temperature).exp()  # (q, k)
    # A sum over one-hot rows, because scatter_add is not deterministic on a GPU.
    return (one_hot(labels, num_classes) * weight[:, :, None]).sum(dim=1)  # (q, K)


THUMBNAIL_PX = 16
_AT_ONCE = 1024


@torch.no_grad()
def thumbnails(pixels: NDArray[np.uint8]) -> Tensor:
    """Shrink images to 16 x 16 and take each one's mean away.

    Args:
        pixels: ``(N, 3, H, W)`` uint8.

    Returns:
        ``(N, 768)`` float32.
    """
    rows = []
    for start in range(0, len(pixels), _AT_ONCE):
        images = torch.from_numpy(np.array(pixels[start : start + _AT_ONCE])).float()
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
    return votes_of_5(
        thumbnails(train_pixels), train_labels, thumbnails(query_pixels), num_classes
    )


@torch.no_grad()
def votes_of_5(bank: Tensor, labels: Tensor, query: Tensor, num_classes: int) -> Tensor:
    """Let the 5 most similar rows (cosine) vote with equal weight.

    Args:
        bank: ``(N, D)``.
        labels: Their class indices, ``(N,)`` int64.
        query: ``(Q, D)``.
        num_classes: Number of classes ``K``.

    Returns:
        Class indices, ``(Q,)``. Among classes with as many votes, the one of the nearest row wins.
    """
    bank, found = normalize(bank, dim=1), []
    for chunk in torch.split(normalize(query, dim=1), _CHUNK):
        index = (chunk @ bank.T).topk(min(5, len(bank)), dim=1).indices  # (q, 5)
        ballots = one_hot(labels[index], num_classes).float()  # (q, 5, K)
        # Weights 1 + 2^-(rank + 4) sum to less than one vote more: they decide ties alone.
        rank = torch.arange(ballots.shape[1]).view(1, -1, 1)
        found.append((ballots * (1 + 2.0 ** -(rank + 4))).sum(dim=1).argmax(dim=1))
    return torch.cat(found) if found else labels.new_empty(0)
