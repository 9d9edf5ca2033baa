"""SoftMatch: the less sure, the less a pseudo-label counts; none is thrown away."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgessl.distributed.collectives import gather
from edgessl.methods.semi.pseudo_labels import PseudoLabels, none_of, running_share


class SoftMatch(nn.Module):
    """Weights fall like a Gaussian below the mean confidence.

    Args:
        momentum: Of the running mean and variance.
        deviations: The Gaussian's width is the deviation of the confidence over this.

    Source:
        Chen et al. 2023, arXiv:2301.10921, equations 6 to 9.
    """

    mean: Tensor
    variance: Tensor
    steps: Tensor

    def __init__(self, momentum: float, deviations: float) -> None:
        super().__init__()
        self._momentum = momentum
        self._deviations = deviations
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("variance", torch.ones(()))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, probabilities: Tensor, positions: Tensor) -> PseudoLabels:
        """Judge predictions; see ``Rule``."""
        confidence, classes = probabilities.max(dim=1)
        if self.training:
            whole = gather(confidence)
            share = running_share(self.steps, self._momentum).to(whole.dtype)
            self.mean.lerp_(whole.mean(), share)
            self.variance.lerp_(whole.var(unbiased=len(whole) > 1), share)
            self.steps += 1
        below = (confidence - self.mean).clamp(max=0.0)
        width = (2.0 * self.variance / self._deviations**2).clamp(min=1e-12)
        return PseudoLabels(classes, torch.exp(-(below**2) / width))

    def regulariser(self, strong: Tensor, found: PseudoLabels) -> Tensor:
        """Return 0; see ``Rule``."""
        return none_of(strong)
