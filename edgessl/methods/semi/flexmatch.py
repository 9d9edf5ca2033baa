"""FlexMatch: classes that are learned slowly have a lower threshold."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgessl.distributed.collectives import gather
from edgessl.methods.semi.pseudo_labels import PseudoLabels, none_of


class FlexMatch(nn.Module):
    """The threshold of a class grows with how many images it was found in with confidence.

    Args:
        threshold: Confidence at which an image counts as found, and the highest threshold.
        images: Number ``U`` of images without label.
        classes: Number ``K``.

    Source:
        Zhang et al. 2021, arXiv:2110.08263, equations 5 to 11 with the convex mapping x / (2 - x).
    """

    found: Tensor

    def __init__(self, threshold: float, images: int, classes: int) -> None:
        super().__init__()
        self._threshold = threshold
        self._classes = classes
        self.register_buffer("found", torch.full((images,), -1, dtype=torch.int64))

    def forward(self, probabilities: Tensor, positions: Tensor) -> PseudoLabels:
        """Judge predictions; see ``Rule``."""
        confidence, classes = probabilities.max(dim=1)
        learned = self._learned().to(probabilities.dtype)
        threshold = self._threshold * (learned / (2.0 - learned))
        weights = (confidence >= threshold[classes]).to(probabilities.dtype)
        if self.training:
            self._remember(positions, classes, confidence >= self._threshold)
        return PseudoLabels(classes, weights)

    def _learned(self) -> Tensor:
        """How far each class is learned, in [0, 1], ``(K,)``.

        While most images are found in no class, these count as the most frequent one.
        """
        counts = torch.bincount(self.found + 1, minlength=self._classes + 1)
        return counts[1:] / counts.max().clamp(min=1)

    def _remember(self, positions: Tensor, classes: Tensor, sure: Tensor) -> None:
        """Note the class of images that were found with confidence; the others keep theirs."""
        rows = gather(torch.stack([positions, torch.where(sure, classes, -1)], dim=1))
        at, now = rows.unbind(dim=1)
        self.found.index_copy_(0, at, torch.where(now >= 0, now, self.found[at]))

    def regulariser(self, strong: Tensor, found: PseudoLabels) -> Tensor:
        """Return 0; see ``Rule``."""
        return none_of(strong)
