"""Weighted sums of a few rows of a table: what resampling and blurring one axis come down to."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def weighted_rows(table: Tensor, index: Tensor, weights: Tensor) -> Tensor:
    """Sum rows of a table.

    Every sum adds its rows one after the other, so it does not depend on what else is computed, and
    rows of weight 0 change nothing.

    Args:
        table: ``(R, D)``.
        index: Which rows, ``(..., T)``.
        weights: How much of each, ``(..., T)``.

    Returns:
        One sum for each of the leading places, ``(M, D)``.
    """
    # An embedding bag is this sum; on a CPU it is a vectorised kernel of FBGEMM.
    return functional.embedding_bag(
        index.flatten(0, -2), table, per_sample_weights=weights.flatten(0, -2), mode="sum"
    )
