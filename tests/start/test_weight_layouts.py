"""A file in a layout of others gives the outputs of the network that wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision import models

from edgessl.start.general import open_start
from edgessl.start.layouts import LAYOUTS

PX = 64
TORCHVISION: dict[str, tuple[str, Callable[[], nn.Module]]] = {
    "mobilenet_v2": ("mobilenetv2", models.mobilenet_v2),
    "mobilenet_v3_small": ("mobilenetv3s", models.mobilenet_v3_small),
    "mobilenet_v3_large": ("mobilenetv3l", models.mobilenet_v3_large),
    "efficientnet_b0": ("efficientnet-b0", models.efficientnet_b0),
    "resnet18": ("resnet18", models.resnet18),
    "resnet50": ("resnet50", models.resnet50),
}


@contextmanager
def seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def lively(net: nn.Module) -> nn.Module:
    """Give batch norms statistics and scales of their own, so that none can stand for another."""
    with seeded(), torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.2, 0.2)
                nn.init.uniform_(module.get_buffer("running_mean"), -0.1, 0.1)
                nn.init.uniform_(module.get_buffer("running_var"), 0.001, 1.5)
    return net.eval()


def images() -> Tensor:
    return torch.randn(2, 3, PX, PX, generator=torch.Generator().manual_seed(1))


def features(source: str, backbone: str | None = None) -> Tensor:
    """What the start that a file is opened as makes of the images."""
    with torch.no_grad():
        found: Tensor = open_start(source, backbone).build(PX).eval()(images())
    return found


def torchvision_features(net: nn.Module) -> Tensor:
    """What goes into the last linear layer."""
    head = "fc" if hasattr(net, "fc") else "classifier"
    last = getattr(net, head)
    setattr(net, head, nn.Identity() if head == "fc" else last[:-1])
    with torch.no_grad():
        found: Tensor = net(images())
    return found


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision(name: str, tmp_path: Path) -> None:
    backbone, build = TORCHVISION[name]
    with seeded():
        net = lively(build())
    torch.save(net.state_dict(), tmp_path / "net.pth")
    start = open_start(str(tmp_path / "net.pth"))
    assert start.backbone == backbone
    wanted = torchvision_features(net)
    scale = float(wanted.abs().max())
    assert float((features(str(tmp_path / "net.pth")) - wanted).abs().max()) < 1e-5 * scale


def test_the_order_of_a_file_does_not_matter(tmp_path: Path) -> None:
    """Safetensors sorts names, so that block 10 comes before block 2."""
    with seeded():
        net = lively(models.mobilenet_v2())
    save_file(dict(net.state_dict()), tmp_path / "net.safetensors")
    wanted = torchvision_features(net)
    torch.testing.assert_close(
        features(str(tmp_path / "net.safetensors")), wanted, rtol=1e-5, atol=1e-5
    )


def wrapped(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in weights.items()}


def _resnet() -> dict[str, Tensor]:
    with seeded():
        return dict(lively(timm.create_model("resnet18", num_classes=0)).state_dict())


def _other(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: torch.zeros_like(value) for key, value in weights.items()}


def _moco(own: dict[str, Tensor]) -> object:
    queue = {"module.queue": torch.zeros(128, 16), "module.queue_ptr": torch.zeros(1)}
    adam = {"state": {0: {"exp_avg": own["bn1.bias"]}}}
    return {"epoch": 3, "arch": "resnet18", "optimizer": adam,
            "state_dict": wrapped(own, "module.encoder_q.")
            | wrapped(_other(own), "module.encoder_k.") | queue}  # fmt: skip


def _dino(own: dict[str, Tensor]) -> object:
    head = {"module.head.mlp.0.weight": torch.zeros(8, 512)}
    return {"student": wrapped(_other(own), "module.backbone.") | head,
            "teacher": wrapped(own, "backbone."), "epoch": 9}  # fmt: skip


def _lightly(own: dict[str, Tensor]) -> object:
    """``backbone = nn.Sequential(*list(resnet.children())[:-1])`` in a LightningModule."""
    number = {name: str(i) for i, (name, _) in
              enumerate(timm.create_model("resnet18").named_children())}  # fmt: skip
    counted = {f"{number[key.split('.')[0]]}.{key.partition('.')[2]}": value
               for key, value in own.items()}  # fmt: skip
    head = {"projection_head.layers.0.weight": torch.zeros(8, 512)}
    both = wrapped(counted, "backbone.") | wrapped(_other(counted), "backbone_momentum.")
    return {"pytorch-lightning_version": "2.6.6", "state_dict": both | head}


PAYLOADS: dict[str, Callable[[dict[str, Tensor]], object]] = {
    "timm": lambda own: own,
    "timm with a classifier": lambda own: own | {"fc.weight": torch.zeros(9, 512)},
    "compiled": lambda own: wrapped(own, "_orig_mod."),
    "compiled in parts": lambda own: {
        key.replace("layer1.", "layer1._orig_mod."): value for key, value in own.items()
    },
    "model": lambda own: {"model": own, "epoch": 3},
    "model_state_dict": lambda own: {"model_state_dict": wrapped(own, "module.")},
    "MoCo": _moco,
    "DINO": _dino,
    "lightly": _lightly,
    "Lightning": lambda own: {"state_dict": wrapped(own, "net.backbone.")},
    "lightly-train": lambda own: {
        "state_dict": wrapped(own, "teacher_embedding_model.wrapped_model._model.")
        | wrapped(_other(own), "student_embedding_model.wrapped_model._model.")
    },
    "timm's training": lambda own: {"arch": "resnet18", "state_dict": own,
                                    "state_dict_ema": _other(own)},
    "a name that nobody has heard of": lambda own: {"a": {"b": wrapped(own, "c.d.")}},
}  # fmt: skip


@pytest.mark.parametrize("layout", PAYLOADS)
def test_the_network_is_found_wherever_it_lies(layout: str, tmp_path: Path) -> None:
    own = _resnet()
    torch.save(PAYLOADS[layout](own), tmp_path / "net.pth")
    start = open_start(str(tmp_path / "net.pth"))
    assert (start.backbone, start.last_stage) == ("resnet18", "keep")
    assert start.weights.keys() == own.keys()
    assert all(torch.equal(start.weights[key], value) for key, value in own.items())


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "tf_efficientnet_b0"])
def test_efficientnet_pytorch(name: str, tmp_path: Path) -> None:
    """Its convolutions pad as TensorFlow's, so that it is timm's network of that name."""
    with seeded():
        net = lively(timm.create_model(name, num_classes=0))
    (layout,) = [layout for layout in LAYOUTS if layout.name == "EfficientNet-PyTorch"]
    theirs = {ours: name for name, ours in layout.names(net).items()}
    renamed = {}
    for key, value in net.state_dict().items():
        module, _, tensor = key.rpartition(".")
        renamed[f"{theirs[module]}.{tensor}"] = value
    assert {"_conv_stem.weight", "_blocks.0._depthwise_conv.weight", "_blocks.15._bn2.bias",
            "_blocks.1._expand_conv.weight"} <= renamed.keys()  # fmt: skip
    assert ("_blocks.0._se_reduce.weight" in renamed) == name.endswith("b0")
    renamed |= {"_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}
    torch.save(renamed, tmp_path / "net.pth")
    assert open_start(str(tmp_path / "net.pth")).backbone == f"timm:{name}"
    with torch.no_grad():
        torch.testing.assert_close(features(str(tmp_path / "net.pth")), net(images()))


@pytest.mark.parametrize("kept", ["net.features", "nn.Sequential(*net.children())"])
def test_features_of_torchvision_alone(kept: str, tmp_path: Path) -> None:
    with seeded():
        net = lively(models.mobilenet_v2())
    inner = net.features if kept == "net.features" else nn.Sequential(*list(net.children())[:-1])
    torch.save({"state_dict": wrapped(dict(inner.state_dict()), "backbone.")}, tmp_path / "n.ckpt")
    assert open_start(str(tmp_path / "n.ckpt")).backbone == "mobilenetv2"
    wanted = torchvision_features(net)
    torch.testing.assert_close(features(str(tmp_path / "n.ckpt")), wanted, rtol=1e-5, atol=1e-5)
