"""How alike the outputs for two views of an image are."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from edgessl.losses.precision import at_least_fp32


@torch.no_grad()
def positive_similarity(projections: Tensor) -> Tensor:
    """Return the mean cosine between the first two views of every image, a scalar.

    Args:
        projections: ``(V, B, P)``, global views first.
    """
    first, second = at_least_fp32(projections[:2])
    return cosine_similarity(first, second, dim=-1).mean()
