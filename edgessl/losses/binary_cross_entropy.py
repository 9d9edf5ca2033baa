"""Losses of images with several labels each: every class is a question of its own."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid


def binary_cross_entropy(
    logits: Tensor, targets: Tensor, *, label_smoothing: float = 0.0
) -> Tensor:
    """Cross-entropy of every class, shown or not.

    Args:
        logits: ``(B, K)``.
        targets: Share of each class that an image shows, in [0, 1], ``(B, K)``: 0 or 1 unless
            images are mixed.
        label_smoothing: Share of every target spread over shown and not shown, in [0, 1].

    Returns:
        Mean over batch and classes, a scalar in nats.

    Source:
        The multi-label rows of S3L (Cao & Wu 2021, arXiv:2103.13559).
    """
    soft = targets * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return binary_cross_entropy_with_logits(logits, soft.to(logits.dtype))


def asymmetric_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    gamma_shown: float = 0.0,
    gamma_absent: float = 4.0,
    clip: float = 0.05,
) -> Tensor:
    """Cross-entropy in which classes that an image easily does not show count for little.

    Args:
        logits: ``(B, K)``.
        targets: Share of each class that an image shows, in [0, 1], ``(B, K)``.
        gamma_shown: Exponent of the focus on shown classes that are missed.
        gamma_absent: Exponent of the focus on absent classes that are seen.
        clip: Probability below which an absent class costs nothing.

    Returns:
        Mean over batch and classes, a scalar in nats. (The paper sums over classes.)

    Source:
        Ridnik et al. 2021, arXiv:2009.14119, equations 6 and 7; gamma 0 and 4, clip 0.05: its
        section 4.1.
    """
    chance = logits.sigmoid()
    shifted = (chance - clip).clamp(min=0.0)
    shown = (1.0 - chance) ** gamma_shown * logsigmoid(logits)
    absent = shifted**gamma_absent * (1.0 - shifted).log()
    return -(targets * shown + (1.0 - targets) * absent).mean()
