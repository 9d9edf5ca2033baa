"""What the probabilities of an exported file are worth, measured through the file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact import Metadata
from edgessl.export.gates.gate import Gate
from edgessl.metrics.answered import score_answered
from edgessl.metrics.calibration import calibration_error, softmax

Sure = NDArray[np.float64]


def confidences(outputs: NDArray[Any], *, probabilities: bool) -> Sure:
    """Return the probability of each answer, ``(N,)``.

    Args:
        outputs: Logits or probabilities, ``(N, K)``.
        probabilities: Which of the two.
    """
    shares = outputs.astype(np.float64) if probabilities else softmax(outputs)
    highest: Sure = shares.max(axis=1)
    return highest


def with_certainty(gate: Gate, right: NDArray[np.bool_], sure: Sure, metadata: Metadata) -> Gate:
    """Add what a file's probabilities are worth to what the accuracy gate found.

    Args:
        gate: The gate.
        right: Whether each answer is right, ``(N,)``.
        sure: Its probability, ``(N,)``.
        metadata: The file's.
    """
    error = calibration_error(sure, right)
    numbers = {**gate.numbers, "ece": error.to_dict()}
    finding = f"{gate.finding}; calibration error {error.score.value:.1f} %"
    if metadata.reject_below is not None:
        answered = score_answered(sure, right, metadata.reject_below)
        numbers["reject"] = {"below": metadata.reject_below, **answered.to_dict()}
        finding += f"; {answered}, says none of these to the others"
    return replace(gate, finding=finding, numbers=numbers)
