"""Names of backbones, what a recipe needs to know of each, and what a classifier may read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Readout = Literal["features", "normalised_features", "last_4_blocks"]
"""The features as they are; the same at length 1; or the class tokens of a transformer's last four
blocks, each through the final layer norm, side by side."""


TIMM = "timm:"


@dataclass(frozen=True, slots=True)
class BackboneFacts:
    """What is known of a backbone before it is built. Tests hold the built one against it.

    Attributes:
        timm_name: Its architecture in timm; empty where timm has none.
        feature_dim: Width ``D`` of its features.
        params: Parameters, without classifier.
        macs: Multiply-accumulates of one image of 224 x 224 pixels.
        removable: Whether it has a last stage ("conv5") that can be removed.
    """

    timm_name: str
    feature_dim: int
    params: int
    macs: int
    removable: bool = True


BACKBONES: dict[str, BackboneFacts] = {
    "mobilenetv2": BackboneFacts("mobilenetv2_100", 1280, 2_223_872, 299_494_272),
    "mobilenetv3s": BackboneFacts("mobilenetv3_small_100", 1024, 1_517_856, 55_486_400),
    "mobilenetv3l": BackboneFacts("mobilenetv3_large_100", 1280, 4_202_032, 215_309_760),
    "mobilenetv4-conv-small": BackboneFacts("mobilenetv4_conv_small", 1280, 2_493_024, 184_725_568),
    "efficientnet-b0": BackboneFacts("efficientnet_b0", 1280, 4_007_548, 384_534_752),
    "efficientnet-lite0": BackboneFacts("efficientnet_lite0", 1280, 3_371_008, 383_907_552),
    "resnet18": BackboneFacts("resnet18", 512, 11_176_512, 1_813_561_344),
    "resnet34": BackboneFacts("resnet34", 512, 21_284_672, 3_663_249_408),
    "resnet50": BackboneFacts("resnet50", 2048, 23_508_032, 4_087_136_256),
    "resnet101": BackboneFacts("resnet101", 2048, 42_500_160, 7_799_357_440),
    "vit-ti16": BackboneFacts("vit_tiny_patch16_224", 192, 5_524_416, 1_253_491_200, False),
    "vit-ti32": BackboneFacts("vit_tiny_patch16_224", 192, 5_938_560, 305_842_176, False),
    "vit-s16": BackboneFacts("vit_small_patch16_224", 384, 21_665_664, 4_598_498_304, False),
    "deit-ti": BackboneFacts("", 192, 7_286_976, 1_780_909_056, False),
    "deit-ti-paper": BackboneFacts("", 192, 5_517_504, 1_253_491_200, False),
}
"""By the names that recipes and commands use. Any other network of timm is ``timm:NAME``."""
