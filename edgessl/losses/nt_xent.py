"""NT-Xent, SimCLR's loss: find the other view of an image among all views of two kinds."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from edgessl.losses.pairs import balanced_mean
from edgessl.losses.precision import at_least_fp32, no_autocast

SUPCON_TEMPERATURE = 0.07  # base temperature of Khosla et al. 2020, arXiv:2004.11362

Form = Literal["mean", "sum", "supcon"]
"""Which paper's multiple of the mean over all anchors is minimised."""


def nt_xent(
    projections: Tensor, *, global_views: int, temperature: float, alpha: float = 1.0
) -> Tensor:
    """Cross-entropy of a view finding a global view of its image, mean over pairs and images.

    An anchor in view ``v`` looks for its image in the global view ``g``. Candidates are all images
    in ``g`` and the other images in ``v``: one positive and 2B - 2 negatives. With two views this
    is the mean over all 2B anchors, as the paper has it. With more, global views are what anchors
    look for, as in every multi-crop method; no paper has SimCLR so.

    Args:
        projections: Of every view, ``(V, B, P)``; the first G views are the global ones.
        global_views: G, at least 2.
        temperature: Softmax temperature, > 0.
        alpha: Weight of global-global pairs; see ``balanced_mean``.

    Returns:
        A scalar in nats; ln(2B - 1) if all projections are the same.

    Source:
        Chen et al. 2020 (SimCLR), arXiv:2002.05709, equation 1; alpha: SSLight (ICLR 2023).
    """
    rows = normalize(at_least_fp32(projections), dim=-1)
    views, images = rows.shape[:2]
    itself = torch.eye(images, dtype=torch.bool, device=rows.device)
    positives = torch.arange(images, device=rows.device).expand(views, -1)
    pairs = []
    with no_autocast(rows):
        within = (rows @ rows.mT / temperature).masked_fill(itself, -torch.inf)  # (V, B, B)
        for target in rows[:global_views]:
            across = rows @ target.T / temperature  # (V, B, B)
            logits = torch.cat([across, within], dim=-1).mT  # (V, 2B, B): classes second
            pairs.append(cross_entropy(logits, positives, reduction="none").mean(dim=1))
    return balanced_mean(torch.stack(pairs), alpha)


def form_factor(form: Form, temperature: float) -> float:
    """Return what a paper multiplies the mean over all anchors by.

    Args:
        form: ``"mean"``, SimCLR's paper: 1. ``"sum"``, its code and Cole et al. 2022, where the
            means of the two directions are added: 2. ``"supcon"``, S3L's code (Cao & Wu 2021,
            arXiv:2103.13559), which leaves in a base temperature: ``temperature`` / 0.07.
        temperature: Softmax temperature.
    """
    factors: dict[Form, float] = {
        "mean": 1.0, "sum": 2.0, "supcon": temperature / SUPCON_TEMPERATURE,
    }  # fmt: skip
    return factors[form]
