"""Self-adaptive fairness: predictions for unlabelled images shall not leave out classes."""

from __future__ import annotations

import torch
from torch import Tensor


def fairness_loss(
    probabilities: Tensor, chosen: Tensor, model: Tensor, histogram: Tensor
) -> Tensor:
    """Minus the cross-entropy between what the model expects and what it says now, by class.

    Both are divided by how often each class is predicted, so that frequent classes do not count
    more.

    Args:
        probabilities: Of strong views, ``(M, K)``.
        chosen: Which images have a pseudo-label, bool, ``(M,)``.
        model: Running mean of the probabilities of weak views, ``(K,)``.
        histogram: Running share of each class among their predictions, ``(K,)``.

    Returns:
        A scalar in nats, <= 0; 0 where no image is chosen.

    Source:
        Wang et al. 2023 (FreeMatch), arXiv:2205.07246, equation 12.
    """
    count = chosen.to(probabilities.dtype)
    total = count.sum()
    mean = (probabilities * count[:, None]).sum(dim=0) / total.clamp(min=1.0)
    said = torch.zeros_like(mean).index_add_(0, probabilities.detach().argmax(dim=1), count)
    now = _normalised(_divided(mean, said / total.clamp(min=1.0)))
    expected = _normalised(_divided(model, histogram)).detach()
    loss = (expected * torch.log(now + 1e-12)).sum()
    return torch.where(total > 0, loss, torch.zeros_like(loss))


def _divided(values: Tensor, shares: Tensor) -> Tensor:
    """Divide where the share is not 0; 0 elsewhere."""
    there = shares > 0
    return torch.where(there, values / torch.where(there, shares, 1.0), 0.0)


def _normalised(values: Tensor) -> Tensor:
    return values / values.sum().clamp(min=1e-12)
