"""The mean over pairs of views that compare every view with the global ones, re-balanced."""

from __future__ import annotations

import torch
from torch import Tensor


def balanced_mean(pairs: Tensor, alpha: float) -> Tensor:
    """Average over pairs of different views, weighing the two kinds of pairs.

    Args:
        pairs: A term for each global view and each view it is compared with, ``(G, V)``; the first
            G columns are the global views themselves. A view is not compared with itself.
        alpha: Weight of the mean over global-global pairs; ``1 - alpha`` weighs the mean over
            global-local pairs.

    Returns:
        A scalar; without local views, the mean over global-global pairs.

    Source:
        SSLight (Tan et al., ICLR 2023).
    """
    globals_, views = pairs.shape
    different = ~torch.eye(globals_, dtype=torch.bool, device=pairs.device)
    global_mean = pairs[:, :globals_][different].mean()
    if views == globals_:
        return global_mean
    local_mean = pairs[:, globals_:].mean()
    weighted: Tensor = alpha * global_mean + (1.0 - alpha) * local_mean
    return weighted
