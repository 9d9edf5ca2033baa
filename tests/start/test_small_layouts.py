"""Checkpoints of ssl-small's code are found in, whatever lies around the network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from edgessl.backbones import Backbone
from edgessl.start.begin import begin_from
from edgessl.start.fit import fit_to, whole_net
from edgessl.start.general import open_start
from edgessl.start.layout import Layout
from edgessl.start.layouts_of_small import SMALL_LAYOUTS

MOBILENET, DEIT = SMALL_LAYOUTS
QUERY = "module.encoder_q."
KNOWN = {
    "mobilenetv3l": (MOBILENET, {
        "features.0.0.weight": (16, 3, 3, 3), "features.0.1.running_var": (16,),
        "features.1.conv.0.weight": (16, 1, 3, 3), "features.1.conv.4.weight": (16, 16, 1, 1),
        "features.1.conv.5.bias": (16,), "features.2.conv.0.weight": (64, 16, 1, 1),
        "features.2.conv.3.weight": (64, 1, 3, 3), "features.2.conv.7.weight": (24, 64, 1, 1),
        "features.2.conv.8.weight": (24,), "features.4.conv.5.fc.0.weight": (24, 72),
        "features.4.conv.5.fc.2.bias": (72,), "features.15.conv.8.weight": (160,),
        "conv.0.weight": (960, 160, 1, 1), "conv.1.weight": (960,),
        "classifier.0.weight": (1280, 960),
    }),
    "mobilenetv3s": (MOBILENET, {
        "features.1.conv.3.fc.0.weight": (8, 16), "features.1.conv.5.weight": (16,),
        "features.11.conv.5.fc.2.weight": (576, 144), "conv.0.weight": (576, 96, 1, 1),
        "classifier.0.bias": (1024,),
    }),
    "deit-ti": (DEIT, {
        "pos_embedding": (1, 197, 192), "cls_token": (1, 1, 192),
        "to_patch_embedding.1.weight": (192, 768), "to_patch_embedding.1.bias": (192,),
        "transformer.layers.0.0.norm.weight": (192,),
        "transformer.layers.11.0.fn.to_qkv.weight": (1152, 192),
        "transformer.layers.3.0.fn.to_out.0.weight": (192, 384),
        "transformer.layers.3.1.fn.net.0.weight": (768, 192),
        "transformer.layers.3.1.fn.net.3.bias": (192,), "mlp_head.0.bias": (192,),
    }),
}  # fmt: skip
"""Names and shapes that the authors' networks have."""


def as_theirs(backbone: Backbone, layout: Layout) -> dict[str, Tensor]:
    """Name and shape the tensors of a network as the authors do."""
    names = {ours: theirs for theirs, ours in layout.names(backbone.net).items()}
    own = {ours: theirs for theirs, ours in layout.own_tensors.items()}
    found = {}
    for key, value in backbone.net.state_dict().items():
        module, _, tensor = key.rpartition(".")
        name = own.get(key) or f"{names[module]}.{tensor}"
        if ".fc." in name or name.startswith("classifier."):
            value = value.flatten(1) if value.ndim == 4 else value
        if name == "to_patch_embedding.1.weight":
            value = value.permute(0, 2, 3, 1).flatten(1)
        found[name] = value
    return found


def drawn(name: str) -> Backbone:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Backbone(name, "keep", 224)


def checkpoint(own: dict[str, Tensor]) -> dict[str, object]:
    """What MoCo's code writes: query and key encoder with heads, and the queue."""
    head = {f"{QUERY}fc.0.weight": torch.zeros(8, 8), f"{QUERY}fc.2.weight": torch.zeros(4, 8)}
    keys = {f"module.encoder_k.{name}": torch.zeros_like(value) for name, value in own.items()}
    state = {f"{QUERY}{name}": value for name, value in own.items()}
    return {"epoch": 2, "arch": "x", "state_dict": state | keys | head
            | {"module.queue": torch.zeros(4, 16)}, "optimizer": {"state": {}}}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_a_checkpoint_of_theirs_gives_every_weight(name: str, tmp_path: Path) -> None:
    layout, known = KNOWN[name]
    backbone = drawn(name)
    own = as_theirs(backbone, layout)
    assert {key: tuple(own[key].shape) for key in known} == known
    torch.save(checkpoint(own), tmp_path / "checkpoint_0001.pth.tar")
    start = open_start(str(tmp_path / "checkpoint_0001.pth.tar"))
    assert (start.backbone, start.last_stage) == (name, "keep")
    for key, value in backbone.net.state_dict().items():
        assert torch.equal(start.weights[key], value), key


@pytest.mark.parametrize("name", ["mobilenetv3s", "deit-ti"])
def test_init_says_whose_names_they_are(name: str, tmp_path: Path) -> None:
    own = as_theirs(drawn(name), KNOWN[name][0])
    torch.save(checkpoint(own), tmp_path / "seed.pth.tar")
    backbone = Backbone(name, "keep", 224)
    found = begin_from(backbone, str(tmp_path / "seed.pth.tar"))
    size = len(backbone.net.state_dict())
    assert f"{size} of {size} tensors loaded" in found.told
    assert "names them as ssl-small does" in found.told
    key = "conv_head.weight" if name == "mobilenetv3s" else "patch_embed.proj.weight"
    assert torch.equal(backbone.net.state_dict()[key], drawn(name).net.state_dict()[key])




def test_a_patch_projection_over_pixels_is_the_convolution_it_stands_for() -> None:
    images = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    linear = torch.rand(192, 768, generator=torch.Generator().manual_seed(1))
    own = as_theirs(drawn("deit-ti"), DEIT) | {"to_patch_embedding.1.weight": linear}
    found = fit_to(whole_net("deit-ti", 224), own).weights
    patch = images[0, :, 16:32, 32:48].permute(1, 2, 0).flatten()  # rows, columns, channels
    convolved = torch.nn.functional.conv2d(images, found["patch_embed.proj.weight"], stride=16)
    torch.testing.assert_close(convolved[0, :, 1, 2], linear @ patch)


def test_that_blocks_of_mobilenetv3_differ_is_said(tmp_path: Path) -> None:
    torch.save(as_theirs(drawn("mobilenetv3s"), MOBILENET), tmp_path / "net.pth")
    told = " ".join(open_start(str(tmp_path / "net.pth")).sentences)
    assert "squeeze before the second activation" in told
    torch.save(dict(drawn("mobilenetv3s").net.state_dict()), tmp_path / "timms.pth")
    assert "squeeze" not in " ".join(open_start(str(tmp_path / "timms.pth")).sentences)
