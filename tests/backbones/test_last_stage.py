"""The last stage comes off every convolutional family, and what comes off can be told and grown."""

from __future__ import annotations

import pytest
import torch
from networks import REMOVABLE
from torch import nn

from edgessl.backbones import BACKBONES, Backbone
from edgessl.backbones.last_stage import (
    freeze_before_last_stage,
    last_stage_keys,
    last_stage_of,
)
from edgessl.errors import UserError


@pytest.fixture(scope="module", params=REMOVABLE)
def pair(request: pytest.FixtureRequest) -> tuple[Backbone, Backbone]:
    """A network with its last stage and one without, both without weights."""
    with torch.device("meta"):
        return Backbone(request.param, "keep", 64), Backbone(request.param, "remove", 64)


def test_what_comes_off_and_what_stays_make_the_whole(pair: tuple[Backbone, Backbone]) -> None:
    whole, short = (set(backbone.net.state_dict()) for backbone in pair)
    off = last_stage_keys(pair[0].net)
    assert off
    assert not off & short
    assert off | short == whole


def test_the_removed_parameters_are_those_of_the_modules(pair: tuple[Backbone, Backbone]) -> None:
    whole, short = pair
    count = sum(p.numel() for module in last_stage_of(whole.net) for p in module.parameters())
    assert count == sum(p.numel() for p in whole.parameters()) - sum(
        p.numel() for p in short.parameters()
    )


def test_what_stays_ends_at_stride_16_and_the_rest_at_32(pair: tuple[Backbone, Backbone]) -> None:
    for backbone, pixels in zip(pair, (2, 4), strict=True):
        sides: list[int] = []
        pool = backbone.net.global_pool
        assert isinstance(pool, nn.Module)
        handle = pool.register_forward_pre_hook(
            lambda _pool, given, sides=sides: sides.extend(given[0].shape[2:])
        )
        backbone(torch.zeros(2, 3, 64, 64, device="meta"))
        handle.remove()
        assert sides == [pixels, pixels]


def test_no_layer_follows_the_pooling_of_what_stays(pair: tuple[Backbone, Backbone]) -> None:
    """A MobileNetV3 has its 1x1 head behind the pooling: it is part of the last stage."""
    net = pair[1].net
    names = [name for name, _ in net.named_children()]
    behind = names[names.index("global_pool") + 1 :]
    assert not [p for name in behind for p in getattr(net, name).parameters()]


@pytest.mark.parametrize(
    ("name", "feature_dim"),
    [("resnet18", 256), ("resnet34", 256), ("resnet50", 1024), ("resnet101", 1024),
     ("mobilenetv2", 96), ("mobilenetv3s", 48), ("mobilenetv3l", 112),
     ("mobilenetv4-conv-small", 96), ("efficientnet-b0", 112), ("efficientnet-lite0", 112)],
)  # fmt: skip
def test_widths_of_what_stays(name: str, feature_dim: int) -> None:
    with torch.device("meta"):
        assert Backbone(name, "remove", 64).feature_dim == feature_dim


@pytest.mark.parametrize(
    ("name", "feature_dim"),
    [("timm:resnet26d", 1024), ("timm:tf_efficientnet_b0", 112), ("timm:mobilenetv2_050", 48),
     ("timm:mnasnet_small", 32)],
)  # fmt: skip
def test_networks_of_timm_built_like_a_known_family_can_lose_theirs(
    name: str, feature_dim: int
) -> None:
    with torch.device("meta"):
        assert Backbone(name, "remove", 64).feature_dim == feature_dim


NOT_REMOVABLE = [name for name, facts in BACKBONES.items() if not facts.removable]


@pytest.mark.parametrize("name", [*NOT_REMOVABLE, "timm:convnext_atto", "timm:regnetx_002"])
def test_other_networks_keep_theirs_and_say_so(name: str) -> None:
    expected = f"backbone.last_stage: must be 'keep' for {name}, got 'remove'; only networks built "
    with pytest.raises(UserError, match=expected), torch.device("meta"):
        Backbone(name, "remove", 64)


def test_freezing_leaves_the_last_stage_alone_to_train(pair: tuple[Backbone, Backbone]) -> None:
    net = pair[0].net
    layers = freeze_before_last_stage(net)
    trained = {name for name, parameter in net.named_parameters() if parameter.requires_grad}
    assert trained == {name for name, _ in net.named_parameters()} & last_stage_keys(net)
    short = [layer for layer in pair[1].net.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len([layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]) == len(short)
    net.requires_grad_(True)
