"""Any network of timm is a backbone by its name; what cannot be one is refused in words."""

from __future__ import annotations

import pytest
import torch

from edgessl.backbones import Backbone, deployable_from, deployable_payload
from edgessl.errors import UserError

PREPROCESS = {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_px": 32, "crop_px": 32,
              "interpolation": "bicubic"}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "feature_dim", "fixed"),
    [
        ("timm:mobilenetv2_050", 1280, False),
        ("timm:resnet18.a1_in1k", 512, False),  # the tag of weights, which are not loaded
        ("timm:convnext_atto", 320, False),
        ("timm:deit_tiny_patch16_224", 192, True),
        ("timm:mobilevit_xxs", 320, False),
        ("timm:swin_tiny_patch4_window7_224", 768, True),
    ],
)
def test_features_are_probed(name: str, feature_dim: int, fixed: bool) -> None:
    with torch.device("meta"):
        backbone = Backbone(name, image_px=64)
    assert (backbone.feature_dim, backbone.fixed_px) == (feature_dim, fixed)


def test_a_vision_transformer_of_timm_takes_views_of_several_sizes() -> None:
    with torch.device("meta"):
        assert Backbone("timm:deit_tiny_patch16_224", image_px=224).probe(96) == 192


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mobilenetv5", r"must be one of mobilenetv2, .*; did you mean mobilenetv"),
        ("timm:mobilnetv2_100", "got 'timm:mobilnetv2_100'; did you mean mobilenetv2_100"),
        ("timm:", r"must be timm: and an architecture of timm, got 'timm:'; see timm.list_models"),
        ("timm:hf-hub:timm/resnet18.a1_in1k", "must be timm: and an architecture of timm"),
        ("timm:local-dir:/tmp/x", "must be timm: and an architecture of timm"),
        ("timm:resnet18.no_such_tag", "must be buildable"),
        ("timm:vit_tiny_patch16_224", "must take images of 50 px, got .*divisible by patch size"),
    ],
)
def test_what_is_not_in_timm_is_refused(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message), torch.device("meta"):
        Backbone(name, image_px=50)


def test_a_network_that_takes_no_drop_path_says_so() -> None:
    with pytest.raises(UserError, match="must take dropout and drop_path as given"):
        Backbone("timm:vgg11", image_px=32, drop_path=0.1)


def test_a_checkpoint_brings_it_back() -> None:
    backbone = Backbone("timm:mobilenetv2_035", "remove", 32)
    payload = deployable_payload(backbone, classes=(), preprocess=PREPROCESS, provenance={})
    again = deployable_from(payload, "ckpt.pt").backbone
    assert (again.name, again.feature_dim) == ("timm:mobilenetv2_035", 32)
    for key, value in backbone.state_dict().items():
        assert torch.equal(again.state_dict()[key], value)
