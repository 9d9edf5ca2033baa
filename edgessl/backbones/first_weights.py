"""Random first weights as the papers draw them, where timm's differ."""

from __future__ import annotations

import torch
from torch import nn

LINEAR_STD = 0.01


@torch.no_grad()
def draw_fan_out(net: nn.Module) -> None:
    """Draw the weights of all convolutions anew, in place, from N(0, 2 / (k * k * C_out)).

    timm divides by the groups too, so that its depthwise convolutions start larger by the root of
    their channels. Behind a batch norm that changes no output, but how fast they learn.
    A convolution with a bias works on pooled maps: a linear layer, which starts from N(0, 0.01).

    Args:
        net: A MobileNet, an EfficientNet or a ResNet; for a ResNet it is the same as timm's.

    Source:
        SSLight's MobileNetV2 and ssl-small's MobileNetV3.
    """
    for module in net.modules():
        if not isinstance(module, nn.Conv2d):
            continue
        if module.bias is None:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        else:
            nn.init.normal_(module.weight, std=LINEAR_STD)
            nn.init.zeros_(module.bias)
