"""Learning rates that fall towards the first layers of a network."""

from __future__ import annotations

from typing import Any, cast

from timm.models._manipulate import group_parameters
from torch import nn


def layer_scales(net: nn.Module, decay: float) -> dict[str, float]:
    """Return the share of the learning rate that each parameter of a network has.

    Args:
        net: A network of timm without classifier, which says what its stages are: of a CNN those
            between changes of resolution, of a transformer its blocks; the stem is the first.
        decay: Share of the next stage's rate that a stage has; the last one has all of it.

    Returns:
        Shares in (0, 1], by the names of the network.

    Source:
        Layer-wise decay as timm and BEiT (arXiv:2106.08254) have it.
    """
    matcher = cast(Any, net).group_matcher(coarse=True)
    number: dict[str, int] = group_parameters(net, matcher, reverse=True)
    last = max(number.values(), default=0)
    return {
        name: decay ** (last - number.get(name, 0)) for name, _ in net.named_parameters()
    }
