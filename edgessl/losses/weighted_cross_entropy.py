"""Cross-entropy to distributions, each image with a weight of its own."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import log_softmax


def weighted_cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy from targets to predictions, the mean over all images, unweighted ones too.

    Args:
        logits: Predictions, ``(M, K)``.
        targets: Distributions, ``(M, K)``. No gradient flows into them.
        weights: How much each image counts, >= 0, ``(M,)``. No gradient flows into them.

    Returns:
        A scalar in nats; 0 where no image counts.

    Source:
        Sohn et al. 2020 (FixMatch), arXiv:2001.07685, equation 4; weights between 0 and 1: Chen et
        al. 2023 (SoftMatch), arXiv:2301.10921.
    """
    each = -(targets.detach() * log_softmax(logits, dim=-1)).sum(dim=-1)  # (M,)
    return (weights.detach() * each).mean()
