"""The uniformity loss over the batch of all processes."""

from __future__ import annotations

import torch
from torch import Tensor

from edgessl.distributed.collectives import gather_with_gradient
from edgessl.losses.uniformity import uniformity_loss


def spread_loss(embeddings: Tensor) -> Tensor:
    """Average the uniformity loss of each view; see ``uniformity_loss``.

    Args:
        embeddings: Normalised, of the global views of this process, ``(G, B, P)``.
    """
    everywhere = gather_with_gradient(embeddings.transpose(0, 1)).transpose(0, 1)
    return torch.stack([uniformity_loss(view) for view in everywhere]).mean()
