"""Sinkhorn-Knopp: soft assignments that use every prototype equally."""

from __future__ import annotations

import torch
from torch import Tensor

from edgessl.losses.precision import at_least_fp32


def sinkhorn(scores: Tensor, *, epsilon: float, iterations: int = 3) -> Tensor:
    """Turn scores into assignments with near-uniform prototype marginals.

    Args:
        scores: Scores of samples against prototypes, ``(N, K)``. No gradient flows into it.
        epsilon: Temperature of the assignment, > 0.
        iterations: Rounds of normalising prototypes, then samples.

    Returns:
        Assignments in fp32 at least; each row sums to 1, ``(N, K)``.

    Source:
        Caron et al. 2020 (SwAV), arXiv:2006.09882, section 3.1.
    """
    logits = at_least_fp32(scores.detach()) / epsilon
    log_q = logits - logits.logsumexp(dim=(0, 1))
    for _ in range(iterations):  # in logs, so that a small epsilon cannot overflow
        log_q = log_q - log_q.logsumexp(dim=0, keepdim=True)
        log_q = log_q - log_q.logsumexp(dim=1, keepdim=True)
    return torch.exp(log_q)
