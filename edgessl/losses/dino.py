"""The DINO loss: the student predicts the teacher's sharpened, centred output of another view."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, softmax

from edgessl.losses.pairs import balanced_mean
from edgessl.losses.precision import at_least_fp32


def dino_targets(teacher: Tensor, center: Tensor, temperature: float) -> Tensor:
    """Sharpen and centre the teacher's logits.

    Args:
        teacher: Logits of the global views, ``(G, B, K)``.
        center: Running mean of the teacher's logits, ``(K,)``.
        temperature: Softmax temperature of the teacher, > 0.

    Returns:
        Target distributions without gradient, ``(G, B, K)``.
    """
    return softmax((teacher.detach() - center) / temperature, dim=-1)


def dino_loss(targets: Tensor, student: Tensor, *, student_temp: float, alpha: float) -> Tensor:
    """Cross-entropy from teacher to student over all pairs of different views, re-balanced.

    Args:
        targets: Target distributions of the global views, ``(G, B, K)``.
        student: Logits of every view, ``(V, B, K)``; the first G views are the global ones.
        student_temp: Softmax temperature of the student, > 0.
        alpha: Weight of the mean over global-global pairs; ``1 - alpha`` weighs the mean over
            global-local pairs. G (G - 1) / (G (V - 1)) gives the plain mean over all pairs.

    Returns:
        A scalar in nats.

    Source:
        Caron et al. 2021, arXiv:2104.14294, Algorithm 1; alpha: SSLight (Tan et al., ICLR 2023).
    """
    log_prob = log_softmax(at_least_fp32(student) / student_temp, dim=-1)
    pairs = -torch.einsum("gbk,vbk->gv", targets, log_prob) / student.shape[1]  # (G, V)
    return balanced_mean(pairs, alpha)
