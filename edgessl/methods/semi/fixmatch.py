"""FixMatch: pseudo-labels above one threshold count."""

from __future__ import annotations

from torch import Tensor, nn

from edgessl.methods.semi.pseudo_labels import PseudoLabels, none_of


class FixMatch(nn.Module):
    """One threshold for all classes and the whole time.

    Args:
        threshold: Confidence from which on a pseudo-label counts, in [0, 1].

    Source:
        Sohn et al. 2020, arXiv:2001.07685, equation 4.
    """

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self._threshold = threshold

    def forward(self, probabilities: Tensor, positions: Tensor) -> PseudoLabels:
        """Judge predictions; see ``Rule``."""
        confidence, classes = probabilities.max(dim=1)
        return PseudoLabels(classes, (confidence >= self._threshold).to(probabilities.dtype))

    def regulariser(self, strong: Tensor, found: PseudoLabels) -> Tensor:
        """Return 0; see ``Rule``."""
        return none_of(strong)
