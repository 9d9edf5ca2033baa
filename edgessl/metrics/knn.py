"""Weighted k-nearest-neighbour classification of features."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

_CHUNK = 1024  # queries at a time: 1024 x 50,000 similarities are 200 MB


@torch.no_grad()
def knn_predict(
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
        Class indices, ``(Q,)`` int64.

    Source:
        Wu et al. 2018, arXiv:1805.01978, section 3.4.
    """
    bank = normalize(train_features.float(), dim=1)  # (N, D)
    neighbours = min(k, len(bank))
    predictions = []
    for chunk in torch.split(normalize(query.float(), dim=1), _CHUNK):
        similarity, index = (chunk @ bank.T).topk(neighbours, dim=1)  # (q, k)
        predictions.append(_vote(similarity, train_labels[index], num_classes, temperature))
    return torch.cat(predictions) if predictions else train_labels.new_empty(0)


def _vote(similarity: Tensor, labels: Tensor, num_classes: int, temperature: float) -> Tensor:
    # Relative to the best neighbour: the same winner, and exp cannot overflow.
    weight = ((similarity - similarity[:, :1]) / temperature).exp()  # (q, k)
    # A sum over one-hot rows, because scatter_add is not deterministic on a GPU.
    votes = (one_hot(labels, num_classes) * weight[:, :, None]).sum(dim=1)  # (q, K)
    return votes.argmax(dim=1)
