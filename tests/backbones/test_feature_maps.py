"""Every family of backbones gives maps at the strides that detectors read, and they export."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgessl.backbones import Backbone
from edgessl.backbones.maps import drop_unmapped, feature_maps, map_channels
from edgessl.errors import UserError

FAMILIES = {
    "mobilenetv2": {8: 32, 16: 96, 32: 320},
    "mobilenetv3s": {8: 24, 16: 48, 32: 576},
    "mobilenetv4-conv-small": {8: 64, 16: 96, 32: 960},
    "efficientnet-lite0": {8: 40, 16: 112, 32: 320},
    "resnet18": {4: 64, 8: 128, 16: 256, 32: 512},
    "vit-ti16": {8: 192, 16: 192, 32: 192},
}


@pytest.mark.parametrize("name", FAMILIES)
def test_maps_have_the_channels_and_sides_of_their_strides(name: str) -> None:
    backbone = Backbone(name, "keep", 64)
    channels = map_channels(backbone)
    assert FAMILIES[name].items() <= channels.items()
    drop_unmapped(backbone.net)
    maps = feature_maps(backbone.eval().net, torch.zeros(2, 3, 96, 64))
    for stride in FAMILIES[name]:
        assert maps[stride].shape == (2, channels[stride], 96 // stride, 64 // stride)


def test_the_last_map_of_a_resnet_is_what_its_features_are_pooled_from() -> None:
    backbone = Backbone("resnet18", "keep", 64).eval()
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        maps = feature_maps(backbone.net, images)
        torch.testing.assert_close(maps[32].mean(dim=(2, 3)), backbone(images))


def test_another_family_is_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"must have feature maps .* got a Linear"):
        feature_maps(nn.Linear(1, 1), torch.zeros(1, 3, 64, 64))
