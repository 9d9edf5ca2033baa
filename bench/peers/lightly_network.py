"""The network that lightly's examples train here, in place of their ResNet-18."""

from __future__ import annotations

import timm
import torch
from torch import nn
from work import Work


def network_of(work: Work) -> tuple[nn.Module, int]:
    """Return timm's network without its classifier, and the width of its features.

    Args:
        work: Names the network.
    """
    network: nn.Module = timm.create_model(work.timm_name, num_classes=0)
    with torch.no_grad():
        width = network(torch.zeros(2, 3, work.global_px, work.global_px)).shape[1]
    return network, width
