"""Last-stage ("conv5") removal, and what grows back for fine-tuning.

The last stage is the one that works at a 32nd of the image's resolution: ``layer4`` of a ResNet;
of a MobileNet or an EfficientNet the blocks from stride 32 on, with the 1x1 head that follows.

Source:
    S3L (Cao & Wu 2021, arXiv:2103.13559), section on removing conv5.
"""

from __future__ import annotations

from math import prod
from typing import cast

from timm.models.efficientnet import EfficientNet
from timm.models.mobilenetv3 import MobileNetV3
from timm.models.resnet import ResNet
from torch import nn

_LAST_STRIDE = 32
_HEAD = ("conv_head", "norm_head", "act2", "bn2")
"""What follows the blocks: before the pooling, or, in a MobileNetV3 or V4, on pooled maps."""


def has_last_stage(net: nn.Module) -> bool:
    """Tell whether a network of timm is built like a family whose last stage can be removed."""
    if isinstance(net, ResNet):
        return not isinstance(net.layer4, nn.Identity)
    return isinstance(net, EfficientNet | MobileNetV3) and _kept_stages(net) < len(_blocks(net))


def remove_last_stage(net: nn.Module) -> None:
    """Cut the last stage off, in place. What remains ends at stride 16.

    Args:
        net: A network of which ``has_last_stage`` is true. 512 features of a ResNet-18 become 256,
            1280 of a MobileNetV2 96.
    """
    if isinstance(net, ResNet):
        net.layer4 = nn.Identity()
        return
    net.blocks = _blocks(net)[: _kept_stages(net)]
    for name in _HEAD:
        if hasattr(net, name):
            setattr(net, name, nn.Identity())


def last_stage_of(net: nn.Module) -> tuple[nn.Module, ...]:
    """Return the modules that a removal cuts off, from a network that has them."""
    if isinstance(net, ResNet):
        return (cast(nn.Module, net.layer4),)
    head = (getattr(net, name) for name in _HEAD if hasattr(net, name))
    return (*_blocks(net)[_kept_stages(net) :], *head)


def last_stage_keys(net: nn.Module) -> frozenset[str]:
    """Return the names of the last stage's tensors in the state dict of a network that has one."""
    inside = {id(child) for module in last_stage_of(net) for child in module.modules()}
    names = [name for name, child in net.named_modules() if id(child) in inside]
    return frozenset(
        key for key in net.state_dict() if any(key.startswith(f"{name}.") for name in names)
    )


def freeze_before_last_stage(net: nn.Module) -> tuple[nn.Module, ...]:
    """Freeze the parameters before the last stage, in place.

    Args:
        net: A network that has its last stage.

    Returns:
        The modules before it. In training mode their BN statistics still move.
    """
    inside = {id(child) for module in last_stage_of(net) for child in module.modules()}
    # Not by being a leaf: timm's batch norms hold their activations as children.
    before = tuple(
        child for child in net.modules()
        if not any(id(part) in inside for part in child.modules())
    )  # fmt: skip
    for part in before:
        part.requires_grad_(False)
    return before


def _blocks(net: nn.Module) -> nn.Sequential:
    return cast(nn.Sequential, net.blocks)


def _kept_stages(net: nn.Module) -> int:
    """Count the stages before the one that reaches stride 32; its convolutions have no branches."""
    stride = cast(nn.Conv2d, net.conv_stem).stride[0]
    for number, stage in enumerate(_blocks(net)):
        stride *= prod(conv.stride[0] for conv in stage.modules() if isinstance(conv, nn.Conv2d))
        if stride >= _LAST_STRIDE:
            return number
    return len(_blocks(net))
