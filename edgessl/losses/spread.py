"""Losses that spread embeddings of different images over the sphere."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pdist


def koleo_loss(embeddings: Tensor) -> Tensor:
    """Push every embedding away from its nearest neighbour.

    Args:
        embeddings: Normalised embeddings of different images, ``(B, P)``, B >= 2.

    Returns:
        Mean of minus the logarithm of the distance to the nearest other embedding.

    Source:
        Sablayrolles et al. 2019, arXiv:1806.03198; used with DINO in DINOv2.
    """
    similarity = (embeddings @ embeddings.T).fill_diagonal_(-1.0)
    nearest = similarity.argmax(dim=1)
    distance = torch.linalg.vector_norm(embeddings - embeddings[nearest] + 1e-8, dim=1)
    return -torch.log(distance + 1e-8).mean()


def uniformity_loss(embeddings: Tensor, *, t: float = 2.0) -> Tensor:
    """Logarithm of the mean Gaussian potential between embeddings.

    Args:
        embeddings: Normalised embeddings of different images, ``(B, P)``, B >= 2.
        t: Sharpness of the potential.

    Returns:
        0 for identical embeddings, ``-2 t`` for orthogonal ones.

    Source:
        Wang & Isola 2020, arXiv:2005.10242.
    """
    return (pdist(embeddings).square() * -t).exp().mean().log()
