"""Last-stage ("conv5") removal, and what grows back for fine-tuning.

Source:
    S3L (Cao & Wu 2021, arXiv:2103.13559), section on removing conv5.
"""

from __future__ import annotations

from typing import cast

from torch import nn


def remove_resnet_stage(net: nn.Module) -> None:
    """Cut ``layer4`` off a timm ResNet, in place: 512 (or 2048) features become 256 (1024)."""
    net.layer4 = nn.Identity()


def remove_mobilenet_stage(net: nn.Module) -> None:
    """Cut the stride-32 stage and the 1x1 head off a timm MobileNetV2, in place.

    What remains ends at stride 16 with 96 features.
    """
    blocks = cast(nn.Sequential, net.blocks)
    net.blocks = blocks[:5]  # stages of 16, 24, 32, 64, 96 channels; 160 and 320 go
    net.conv_head = nn.Identity()
    net.bn2 = nn.Identity()


def last_stage_of(net: nn.Module) -> tuple[nn.Module, ...]:
    """Return the modules that a removal cuts off, from a network that has them."""
    if hasattr(net, "layer4"):
        return (cast(nn.Module, net.layer4),)
    blocks = cast(nn.Sequential, net.blocks)
    return (*blocks[5:], cast(nn.Module, net.conv_head), cast(nn.Module, net.bn2))
