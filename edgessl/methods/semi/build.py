"""From a recipe's table to the rule that judges pseudo-labels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from edgessl.methods.semi.alignment import Alignment
from edgessl.methods.semi.fixmatch import FixMatch
from edgessl.methods.semi.flexmatch import FlexMatch
from edgessl.methods.semi.freematch import FreeMatch
from edgessl.methods.semi.softmatch import SoftMatch
from edgessl.recipe.semi_table import SemiTable

AnyRule = FixMatch | FlexMatch | FreeMatch | SoftMatch


def build_rule(table: SemiTable, *, images: int, classes: int) -> AnyRule:
    """Build the rule of a method.

    Args:
        table: Names the method, and has its settings.
        images: Number of images without label.
        classes: Number ``K``.
    """
    match table.name:
        case "fixmatch":
            return FixMatch(table.threshold)
        case "flexmatch":
            return FlexMatch(table.threshold, images, classes)
        case "freematch":
            return FreeMatch(classes, table.momentum, table.fairness)
        case "softmatch":
            return SoftMatch(table.momentum, table.deviations)


def build_alignment(table: SemiTable, labels: Sequence[int], classes: int) -> nn.Module:
    """Build what aligns predictions with the shares that classes should have.

    Args:
        table: Says which shares.
        labels: Classes of the labelled images.
        classes: Number ``K``.
    """
    if table.alignment == "none":
        return nn.Identity()
    if table.alignment == "uniform":
        return Alignment(torch.full((classes,), 1.0 / classes), table.momentum)
    counts = torch.bincount(torch.tensor(labels), minlength=classes).float().clamp(min=0.5)
    return Alignment(counts / counts.sum(), table.momentum)
