"""BYOL's loss: predict the teacher's projection of another view of the same image."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import normalize

from edgessl.losses.pairs import balanced_mean
from edgessl.losses.precision import at_least_fp32


def byol_loss(targets: Tensor, predictions: Tensor, *, alpha: float = 1.0) -> Tensor:
    """Squared distance between normalised predictions and targets of different views.

    It is twice the mean over pairs: with two views, the sum of the two directions.

    Args:
        targets: The teacher's projections of the global views, ``(G, B, P)``. No gradient flows.
        predictions: Of every view, ``(V, B, P)``; the first G views are the global ones.
        alpha: Weight of global-global pairs; see ``balanced_mean``.

    Returns:
        A scalar in [0, 8].

    Source:
        Grill et al. 2020 (BYOL), arXiv:2006.07733, equation 2; alpha: SSLight (ICLR 2023).
    """
    wanted = normalize(at_least_fp32(targets.detach()), dim=-1)
    guessed = normalize(at_least_fp32(predictions), dim=-1)
    cosines = (wanted[:, None] * guessed[None]).sum(dim=-1).mean(dim=-1)  # (G, V)
    return 2.0 * balanced_mean(2.0 - 2.0 * cosines, alpha)


def chance_loss(mean_targets: Tensor) -> Tensor:
    """Return the lowest ``byol_loss`` of predictions that are the same for all images.

    Args:
        mean_targets: Mean over all images of the normalised targets, ``(G, P)``.

    Returns:
        A scalar: 0 if the targets are the same for all images too, 4 if they cancel out.
    """
    lengths: Tensor = mean_targets.norm(dim=-1)
    return 4.0 - 4.0 * lengths.mean()
