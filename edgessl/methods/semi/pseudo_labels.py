"""What a method makes of the predictions for images without label."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class PseudoLabels(NamedTuple):
    """Pseudo-labels of a batch.

    Attributes:
        classes: The most likely class of each image, ``(M,)`` int64.
        weights: How much each counts, in [0, 1], ``(M,)``.
    """

    classes: Tensor
    weights: Tensor


class Rule(Protocol):
    """Says which pseudo-labels count, and how much; it learns from all predictions of a step.

    With several processes each passes its own images, and all have the same running figures.
    """

    def __call__(self, probabilities: Tensor, positions: Tensor) -> PseudoLabels:
        """Judge predictions.

        Args:
            probabilities: For weak views, ``(M, K)``, without gradient.
            positions: Which of the images without label they are of, ``(M,)`` int64.
        """
        ...

    def regulariser(self, strong: Tensor, found: PseudoLabels) -> Tensor:
        """Return what is added to the loss, with its weight: a scalar, 0 for most methods.

        Args:
            strong: Logits of the strong views, ``(M, K)``.
            found: Their pseudo-labels.
        """
        ...


def running_share(steps: Tensor, momentum: float) -> Tensor:
    """Return the share of a new value in a running mean.

    It is the mean of all values at first, so that short runs do not keep what they began with.

    Args:
        steps: Values so far, a scalar.
        momentum: Share that the running mean keeps in the long run, in [0, 1).
    """
    return (1.0 / (steps + 1.0)).clamp(min=1.0 - momentum)


def none_of(logits: Tensor) -> Tensor:
    """Return 0, on the device of some logits."""
    return torch.zeros((), device=logits.device)
