"""How far apart the outputs for different images lie, and whether views of one find each other.

All of it is cheap enough for every training step.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

_SMALLEST = 1e-12  # a variance below this is rounding


@torch.no_grad()
def spread(outputs: Tensor) -> Tensor:
    """Compute the standard deviation of normalised outputs, times sqrt(d).

    Args:
        outputs: Features or projections of different images, ``(B, d)``; length does not matter.

    Returns:
        A scalar: 1 for outputs in all directions alike, 0 for the same output for every image.

    Source:
        Chen & He 2021 (SimSiam), arXiv:2011.10566, section 4.1; mean over dimensions.
    """
    rows = normalize(outputs.detach().float(), dim=1)
    centred = rows - rows.mean(dim=0)
    return centred.square().mean(dim=0).sqrt().mean() * math.sqrt(rows.shape[1])


@torch.no_grad()
def dimensions(outputs: Tensor) -> Tensor:
    """Count the dimensions that normalised outputs vary in: the participation ratio.

    With the eigenvalues ``v`` of the covariance it is ``sum(v)^2 / sum(v^2)``, which takes one
    small matrix product and no decomposition.

    Args:
        outputs: Features or projections of different images, ``(B, d)``.

    Returns:
        A scalar between 1 and min(B - 1, d); 0 for the same output for every image.
    """
    rows = normalize(outputs.detach().float(), dim=1)
    rows = rows - rows.mean(dim=0)
    gram = rows @ rows.T if len(rows) <= rows.shape[1] else rows.T @ rows
    total = rows.square().sum()
    varies = total > _SMALLEST * len(rows)
    return torch.where(varies, total.square() / gram.square().sum().clamp_min(1e-30), 0.0)


@torch.no_grad()
def views_found(outputs: Tensor, others: Tensor) -> Tensor:
    """Say how often an output finds the one of another view of its image among all of them.

    Args:
        outputs: Features or projections of different images, ``(B, d)``, B >= 2.
        others: Those of another view of the same images, ``(B, d)``.

    Returns:
        A scalar: 1 if always, 0 as often as by chance, which is one time in B. Outputs that are
        the same for all images find by chance.
    """
    rows, columns = (normalize(one.detach().float(), dim=1) for one in (outputs, others))
    similarity = rows @ columns.T
    images = len(rows)
    found = (similarity.argmax(dim=1) == torch.arange(images, device=rows.device)).float().mean()
    return (found - 1 / images) / (1 - 1 / images)


_DEAD = 0.01
"""Share of the root mean square spread of all dimensions, under which one counts as dead."""


@torch.no_grad()
def dimension_spread(outputs: Tensor) -> Tensor:
    """Compute how much each dimension varies over images.

    Args:
        outputs: Features of different images, ``(N, D)``.

    Returns:
        Standard deviations, ``(D,)``, the largest first.
    """
    rows = outputs.detach().double()
    return (rows - rows.mean(dim=0)).square().mean(dim=0).sqrt().sort(descending=True).values


@torch.no_grad()
def dead_dimensions(outputs: Tensor) -> int:
    """Count dimensions that hardly vary: under a hundredth of the root mean square of all.

    Args:
        outputs: Features of different images, ``(N, D)``.

    Returns:
        All of them where nothing varies.
    """
    deviations = dimension_spread(outputs)
    typical = deviations.square().mean().sqrt()
    if float(typical) < _SMALLEST:
        return len(deviations)
    return int((deviations < _DEAD * typical).sum())
