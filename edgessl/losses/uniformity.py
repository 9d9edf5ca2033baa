"""The uniformity loss: embeddings of different images spread over the sphere."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import pdist


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
