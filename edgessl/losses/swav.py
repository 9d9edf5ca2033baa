"""The SwAV loss: each view predicts the prototypes that another view was assigned to."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from edgessl.losses.pairs import balanced_mean
from edgessl.losses.precision import at_least_fp32


def swav_loss(assignments: Tensor, scores: Tensor, *, temperature: float, alpha: float) -> Tensor:
    """Cross-entropy from a view's assignment to the predictions of all other views, re-balanced.

    Args:
        assignments: Sinkhorn-Knopp assignments of the global views, ``(G, B, K)``. No gradient
            flows into them.
        scores: Scores of every view against the prototypes, ``(V, B, K)``; the first G views are
            the global ones.
        temperature: Softmax temperature of the predictions, > 0.
        alpha: Weight of the mean over global-global pairs; ``1 - alpha`` weighs the mean over
            global-local pairs. See ``balanced_mean``.

    Returns:
        A scalar in nats.

    Source:
        Caron et al. 2020, arXiv:2006.09882, equations 1, 2 and 6; alpha: SSLight (ICLR 2023).
    """
    log_prob = log_softmax(at_least_fp32(scores) / temperature, dim=-1)
    pairs = -torch.einsum("gbk,vbk->gv", assignments.detach(), log_prob) / scores.shape[1]  # (G, V)
    return balanced_mean(pairs, alpha)
