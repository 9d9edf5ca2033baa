"""What every protocol takes and gives."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from edgessl.metrics.interval import Score


@dataclass(frozen=True, slots=True)
class LabelledOutputs:
    """A network's outputs for the images of one split.

    Attributes:
        outputs: Features ``(N, D)`` or logits ``(N, K)``, float32 on the CPU.
        labels: Class indices, ``(N,)`` int64.
    """

    outputs: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One protocol's answer on ``test``.

    Attributes:
        score: Accuracy with its interval.
        predictions: Predicted class of each test image, ``(N,)`` int64.
    """

    score: Score
    predictions: Tensor
