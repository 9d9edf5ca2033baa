"""What a schedule of several stages costs an image, on average."""

from __future__ import annotations

from collections.abc import Sequence


def mean_over_epochs(costs: Sequence[float], epochs: Sequence[int]) -> float:
    """Return the epoch-weighted mean of the costs of stages.

    Args:
        costs: Cost of an image in each stage, in any unit.
        epochs: Length of each stage.

    Source:
        Cao & Wu 2021 (S3L), arXiv:2103.13559. For stages of 800, 200 and 100 epochs the paper
        divides by 1300; this is the mean over the 1100 epochs that there are.
    """
    return sum(c * e for c, e in zip(costs, epochs, strict=True)) / sum(epochs)
