"""How far a classifier's probabilities can be relied on, on the images of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgessl.evaluate.network import Network
from edgessl.evaluate.protocols import LabelledOutputs
from edgessl.metrics.answered import Answered, score_answered
from edgessl.metrics.calibration import CalibrationError, calibration_of, softmax


@dataclass(frozen=True, slots=True)
class Certainty:
    """What the probabilities of a classifier are worth.

    Attributes:
        temperature: What its logits are divided by.
        ece: Expected calibration error with it.
        uncalibrated: Without it.
        below: Probability of the answer below which it is "none of these"; None for none.
        answered: What that leaves; None without.
    """

    temperature: float
    ece: CalibrationError
    uncalibrated: CalibrationError
    below: float | None = None
    answered: Answered | None = None

    @property
    def sentences(self) -> tuple[str, ...]:
        """What it comes to, one sentence each."""
        told = f"calibration: expected error {self.ece}"
        if self.temperature != 1.0:
            before = self.uncalibrated.score.value
            told += f"; without its temperature of {self.temperature:.2f} {before:.1f} %"
        if self.answered is None:
            return (told,)
        return told, f"below {self.below:.2f} it says none of these: it {self.answered}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: ``calibration``, and ``reject`` for a file that rejects."""
        reject = {"below": self.below, **self.answered.to_dict()} if self.answered else None
        return {
            "calibration": {
                "temperature": self.temperature, "ece": self.ece.to_dict(),
                "ece_uncalibrated": self.uncalibrated.to_dict(),
            },
            **({"reject": reject} if reject else {}),
        }  # fmt: skip


def certainty_of(network: Network, test: LabelledOutputs) -> Certainty:
    """Judge the probabilities of a classifier.

    Args:
        network: The classifier.
        test: Its outputs, and labels in their order.
    """
    found = test.outputs.numpy().astype(np.float64)
    labels = test.labels.numpy()
    logits = np.log(np.maximum(found, 1e-30)) if network.head == "probs" else found
    answered = None
    if network.reject_below is not None:
        shares = softmax(logits)
        right = shares.argmax(axis=1) == labels
        answered = score_answered(shares.max(axis=1), right, network.reject_below)
    return Certainty(
        network.temperature, calibration_of(logits, labels),
        calibration_of(logits, labels, 1 / network.temperature), network.reject_below, answered,
    )  # fmt: skip
