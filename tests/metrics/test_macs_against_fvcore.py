"""fvcore's count, which is read off a trace, agrees with ours, which is taken while it runs."""

from __future__ import annotations

import pytest
import torch

from edgessl.backbones import BACKBONES, Backbone
from edgessl.metrics import cost
from edgessl.metrics.cost import parts

PX = 64
KINDS = (
    "mobilenetv2", "mobilenetv3s", "mobilenetv4-conv-small", "efficientnet-lite0", "resnet18",
    "vit-ti16",
)  # fmt: skip
OTHERS = tuple(name for name in BACKBONES if name not in KINDS)


def check(name: str) -> None:
    with torch.device("meta"):
        backbone = Backbone(name, "keep", PX)
    found = parts(backbone, PX)
    assert sum(part.macs for part in found) == cost.macs(backbone, PX)
    outside = [name for name, _ in backbone.net.named_parameters() if "." not in name]
    counted = sum(part.params for part in found)
    counted += sum(backbone.net.get_parameter(name).numel() for name in outside)
    assert counted == cost.params(backbone)
    assert len(found) > 4


@pytest.mark.parametrize("name", KINDS)
def test_the_parts_cost_what_the_whole_does(name: str) -> None:
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_the_parts_of_the_others_cost_what_the_whole_does(name: str) -> None:
    """Last run 2026-11-21: passed (fvcore 0.1.5)."""
    check(name)


def test_the_largest_part_is_opened() -> None:
    with torch.device("meta"):
        found = parts(Backbone("mobilenetv2", "keep", PX), PX)
    assert [part.name for part in found if part.macs] == [
        "conv_stem", *(f"blocks.{stage}" for stage in range(7)), "conv_head",
    ]  # fmt: skip
