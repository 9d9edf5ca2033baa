"""First weights of the papers: a spread that depends on a kernel's size and its outputs alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgessl.backbones import Backbone
from edgessl.backbones.build_net import draw_fan_out


def drawn(name: str) -> list[nn.Conv2d]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = Backbone(name, image_px=32).net
        draw_fan_out(net)
    return [module for module in net.modules() if isinstance(module, nn.Conv2d)]


@pytest.mark.parametrize("name", ["mobilenetv2", "mobilenetv3l"])
def test_convolutions_spread_by_the_root_of_two_over_their_fan_out(name: str) -> None:
    convolutions = [conv for conv in drawn(name) if conv.bias is None]
    assert any(conv.groups > 1 for conv in convolutions)
    for conv in convolutions:
        expected = (2 / (conv.kernel_size[0] ** 2 * conv.out_channels)) ** 0.5
        count = conv.weight.numel()
        assert conv.weight.std().item() == pytest.approx(expected, rel=4 / (2 * count) ** 0.5)


def test_linear_layers_of_a_mobilenetv3_spread_by_a_hundredth() -> None:
    linear = [conv for conv in drawn("mobilenetv3l") if conv.bias is not None]
    assert len(linear) == 2 * 8 + 1  # squeeze and excitation in eight blocks, and the head
    for conv in linear:
        assert conv.kernel_size == (1, 1)
        assert conv.weight.std().item() == pytest.approx(0.01, rel=0.2)
        assert conv.bias is not None
        assert not conv.bias.any()
