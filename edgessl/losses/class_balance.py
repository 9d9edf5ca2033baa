"""What a loss needs to treat classes of unequal size alike."""

from __future__ import annotations

import torch
from torch import Tensor

BETA = 0.999
"""Of the effective number: one of the paper's four; that of its long-tailed CIFAR-100."""


def inverse_frequency(counts: Tensor) -> Tensor:
    """Weigh classes by one over their images.

    Args:
        counts: Training images of each class, ``(K,)``.

    Returns:
        Weights, ``(K,)`` float32, whose mean over the training images is 1; 0 without images.
    """
    return _normalised(counts, 1.0 / counts.clamp(min=1).double())


def effective_number(counts: Tensor, beta: float = BETA) -> Tensor:
    """Weigh classes by one over the effective number of their images.

    Args:
        counts: Training images of each class, ``(K,)``.
        beta: In [0, 1): 0 weighs all alike, towards 1 it is ``inverse_frequency``.

    Returns:
        Weights, ``(K,)`` float32, whose mean over the training images is 1; 0 without images.

    Source:
        Cui et al. 2019, arXiv:1901.05555, equation 2.
    """
    return _normalised(counts, (1.0 - beta) / (1.0 - beta ** counts.clamp(min=1).double()))


def log_prior(counts: Tensor) -> Tensor:
    """Return the logarithm of each class's share of the training images.

    Added to the logits in the loss, it makes a network balanced; taken from the logits of one that
    was trained without, it does so afterwards.

    Args:
        counts: Training images of each class, ``(K,)``; one without is taken to have one.

    Returns:
        In nats, ``(K,)`` float32.

    Source:
        Menon et al. 2021, arXiv:2007.07314, equations 9 and 10, with tau = 1.
    """
    present = counts.clamp(min=1).double()
    return torch.log(present / present.sum()).float()


def _normalised(counts: Tensor, weights: Tensor) -> Tensor:
    weights = weights * (counts > 0)
    return (weights * counts.sum() / (weights * counts).sum()).float()
