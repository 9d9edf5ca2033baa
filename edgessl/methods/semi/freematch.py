"""FreeMatch: thresholds that follow the confidence of the network, overall and by class."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, softmax

from edgessl.distributed.collectives import gather, gather_with_gradient, mean_over_processes
from edgessl.losses.fairness import fairness_loss
from edgessl.losses.precision import at_least_fp32
from edgessl.methods.semi.pseudo_labels import PseudoLabels, running_share


class FreeMatch(nn.Module):
    """No threshold to set; and a regulariser that keeps predictions from leaving out classes.

    Args:
        classes: Number ``K``.
        momentum: Of all running means.
        fairness: Weight of the regulariser.

    Source:
        Wang et al. 2023, arXiv:2205.07246, equations 5 to 8 and 12.
    """

    confidence: Tensor
    model: Tensor
    histogram: Tensor
    steps: Tensor

    def __init__(self, classes: int, momentum: float, fairness: float) -> None:
        super().__init__()
        self._momentum = momentum
        self._fairness = fairness
        self.register_buffer("confidence", torch.tensor(1.0 / classes))
        self.register_buffer("model", torch.full((classes,), 1.0 / classes))
        self.register_buffer("histogram", torch.full((classes,), 1.0 / classes))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, probabilities: Tensor, positions: Tensor) -> PseudoLabels:
        """Judge predictions; see ``Rule``."""
        confidence, classes = probabilities.max(dim=1)
        if self.training:
            self._follow(probabilities, confidence, classes)
        threshold = self.confidence * self.model / self.model.max()
        weights = (confidence >= threshold[classes]).to(probabilities.dtype)
        return PseudoLabels(classes, weights)

    def _follow(self, probabilities: Tensor, confidence: Tensor, classes: Tensor) -> None:
        share = running_share(self.steps, self._momentum).to(probabilities.dtype)
        said = one_hot(classes, probabilities.shape[1]).to(probabilities.dtype)
        for kept, now in (
            (self.confidence, confidence), (self.model, probabilities), (self.histogram, said),
        ):  # fmt: skip
            kept.lerp_(mean_over_processes(now.mean(dim=0)), share)
        self.steps += 1

    def regulariser(self, strong: Tensor, found: PseudoLabels) -> Tensor:
        """Return the fairness loss of the batch of all processes; see ``Rule``."""
        probabilities = softmax(at_least_fp32(gather_with_gradient(strong)), dim=1)
        chosen = gather(found.weights) > 0
        loss = fairness_loss(probabilities, chosen, self.model, self.histogram)
        return self._fairness * loss
