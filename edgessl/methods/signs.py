"""Signs of collapse that every self-supervised method reports at every step.

They are scalars of ``Step.log`` under the names below; the doctor reads them there.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from edgessl.distributed.collectives import gather, mean_over_processes
from edgessl.metrics.spread import dimensions, spread, views_found

CHANCE_LOSS = "chance_loss"
BELOW_CHANCE = "below_chance"
SPREAD = "spread"
DIMENSIONS = "dimensions"
VIEWS_FOUND = "views_found"
TARGET_ENTROPY = "target_entropy"
TARGET_INFORMATION = "target_information"
NAMES = (
    CHANCE_LOSS, BELOW_CHANCE, SPREAD, DIMENSIONS, VIEWS_FOUND, TARGET_ENTROPY, TARGET_INFORMATION,
)  # fmt: skip

_SMALLEST = 1e-3  # a chance loss below this counts as this


@torch.no_grad()
def output_signs(
    projections: Tensor, others: Tensor, loss: Tensor, chance_loss: Tensor | float
) -> dict[str, Tensor]:
    """Say whether outputs tell images apart, and whether the loss is below chance.

    Args:
        projections: Of one view of every image of this process, ``(B, P)``.
        others: Of another view of the same images, ``(B, P)``.
        loss: The method's own term, without regularisers and factors.
        chance_loss: That term for outputs that do not depend on the image: where collapse leaves
            it. ln(2B - 1) for SimCLR, ln(1 + queue) for MoCo.

    Returns:
        ``chance_loss``; ``below_chance``, the share of it that the loss lies below it, in [-1, 1];
        ``spread`` and ``dimensions`` of the projections of all processes; ``views_found``, how
        often the other view of an image is the most similar one, above chance.
    """
    everywhere = gather(projections.float())
    chance = torch.as_tensor(chance_loss, dtype=torch.float32, device=loss.device).detach()
    below = (chance - mean_over_processes(loss)) / chance.clamp_min(_SMALLEST)
    return {
        CHANCE_LOSS: chance,
        BELOW_CHANCE: below.clamp(-1.0, 1.0),
        SPREAD: spread(everywhere),
        DIMENSIONS: dimensions(everywhere),
        VIEWS_FOUND: views_found(everywhere, gather(others.float())),
    }


@torch.no_grad()
def target_signs(targets: Tensor) -> dict[str, Tensor]:
    """Say how sharp target distributions are, and whether they differ between images.

    Args:
        targets: Distributions over prototypes, of this process, ``(..., K)``.

    Returns:
        ``target_entropy``, their mean entropy, and ``target_information``, by how much the
        entropy of their mean is higher: both in nats. Targets that are the same for all images
        have no information. Their sum is the loss at chance: the best that an output can do that
        does not depend on the image. It is ln K if all prototypes are equally likely.
    """
    rows = targets.detach().flatten(0, -2)
    entropy = mean_over_processes(_entropy(rows).mean())
    information = _entropy(mean_over_processes(rows.mean(dim=0))) - entropy
    return {TARGET_ENTROPY: entropy, TARGET_INFORMATION: information}


def prototype_signs(
    projections: Tensor, others: Tensor, loss: Tensor, targets: Tensor
) -> dict[str, Tensor]:
    """Return ``output_signs`` and ``target_signs`` of a method with prototypes.

    Args:
        projections: Of one view of every image of this process, ``(B, P)``.
        others: Of another view of the same images, ``(B, P)``.
        loss: Cross-entropy from targets to predictions.
        targets: Distributions over prototypes, of this process, ``(..., K)``.
    """
    found = target_signs(targets)
    chance = found[TARGET_ENTROPY] + found[TARGET_INFORMATION]
    return {**output_signs(projections, others, loss, chance), **found}


def winners(targets: Tensor) -> Tensor:
    """Return the most likely prototype of every target of all processes, ``(N,)``."""
    return gather(targets.detach().flatten(0, -2).argmax(dim=1))


def is_reported(log: Mapping[str, object]) -> bool:
    """Say whether a step's log has the signs; supervised training has none."""
    return BELOW_CHANCE in log


def _entropy(distributions: Tensor) -> Tensor:
    return -(distributions * distributions.clamp_min(1e-12).log()).sum(dim=-1)
