"""Distribution alignment: over many images, classes are predicted as often as they should be."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgessl.distributed.collectives import mean_over_processes
from edgessl.methods.semi.pseudo_labels import running_share


class Alignment(nn.Module):
    """Multiplies predictions by the wanted share of each class over its running mean.

    Args:
        wanted: Share of each class, > 0, summing to 1, ``(K,)``.
        momentum: Of the running mean.

    Source:
        Berthelot et al. 2020 (ReMixMatch), arXiv:1911.09785, section 3.1.
    """

    wanted: Tensor
    mean: Tensor
    steps: Tensor

    def __init__(self, wanted: Tensor, momentum: float) -> None:
        super().__init__()
        self._momentum = momentum
        self.register_buffer("wanted", wanted)
        self.register_buffer("mean", torch.full_like(wanted, 1.0 / len(wanted)))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, probabilities: Tensor) -> Tensor:
        """Align predictions, and take them into the mean.

        Args:
            probabilities: ``(M, K)``, without gradient.

        Returns:
            Distributions, ``(M, K)``.
        """
        if self.training:
            now = mean_over_processes(probabilities.mean(dim=0))
            self.mean.lerp_(now, running_share(self.steps, self._momentum).to(now.dtype))
            self.steps += 1
        aligned = probabilities * (self.wanted / self.mean.clamp(min=1e-6))
        return aligned / aligned.sum(dim=1, keepdim=True)
