"""InfoNCE with a queue: which of all candidates is the key of the same image?"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def contrast_logits(
    queries: Tensor, keys: Tensor, queue: Tensor, *, temperature: float
) -> Tensor:
    """Compare queries with their keys and with a queue of keys of other images.

    Args:
        queries: Normalised projections of some views, ``(V, B, P)``.
        keys: Normalised projections of one view by the teacher, ``(B, P)``.
        queue: Normalised projections of earlier images by the teacher, ``(N, P)``.
        temperature: > 0.

    Returns:
        Logits, the positive one first, ``(V, B, 1 + N)``.

    Source:
        He et al. 2020 (MoCo), arXiv:1911.05722, Algorithm 1.
    """
    positives = torch.einsum("vbp,bp->vb", queries, keys)
    negatives = torch.einsum("vbp,np->vbn", queries, queue)
    return torch.cat([positives[..., None], negatives], dim=-1) / temperature


def info_nce_loss(logits: Tensor, *, global_queries: int, alpha: float) -> Tensor:
    """Cross-entropy of the positive among all candidates, re-balanced.

    Args:
        logits: From ``contrast_logits``, in fp32 at least, ``(V, B, 1 + N)``.
        global_queries: How many of the queries, the first ones, are global views.
        alpha: Weight of the mean over global queries; ``1 - alpha`` weighs the mean over local
            ones. Their number over V gives the plain mean.

    Returns:
        A scalar in nats; ``ln(1 + N)`` where all candidates look the same.

    Source:
        van den Oord et al. 2018, arXiv:1807.03748, as He et al. 2020 (MoCo) use it; alpha: SSLight
        (ICLR 2023).
    """
    rows = logits.flatten(0, 1)
    positive = torch.zeros(len(rows), dtype=torch.long, device=rows.device)
    each_view = cross_entropy(rows, positive, reduction="none").view(len(logits), -1).mean(dim=1)
    global_mean = each_view[:global_queries].mean()
    if len(each_view) == global_queries:
        return global_mean
    return alpha * global_mean + (1.0 - alpha) * each_view[global_queries:].mean()
