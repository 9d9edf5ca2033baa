"""How others name the tensors of the networks that timm has, each said once.

A layout is a function of timm's network alone: it gives the name that a module has there for every
module of ours. Where the names lie in a file, below which prefix, is found out by trying.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from timm.models.efficientnet import EfficientNet
from timm.models.mobilenetv3 import MobileNetV3
from torch import nn

from edgessl.start.layout import Block, Layout, Names, blocks_of, modules_of
from edgessl.start.layouts_of_small import SMALL_LAYOUTS


def _timms(net: nn.Module) -> Names:
    return {name: name for name in modules_of(net)}


def _numbered(net: nn.Module) -> Names:
    """``nn.Sequential(*net.children())``, as lightly's and many other examples wrap networks."""
    number = {name: str(index) for index, (name, _) in enumerate(net.named_children())}
    found = {}
    for name in modules_of(net):
        first, dot, rest = name.partition(".")
        if first in number:
            found[f"{number[first]}{dot}{rest}"] = name
    return found


def _stem_and_head(net: nn.Module, stem: str, head: str) -> Iterator[tuple[str, str]]:
    yield from ((f"{stem}.0", "conv_stem"), (f"{stem}.1", "bn1"))
    yield from ((f"{head}.0", "conv_head"), (f"{head}.1", "bn2"))


def _torchvision_v2(net: nn.Module) -> Names:
    """MobileNetV2 of torchvision."""
    if not isinstance(net, EfficientNet):
        return {}
    blocks = blocks_of(net)
    found = dict(_stem_and_head(net, "features.0", f"features.{len(blocks) + 1}"))
    for number, block in enumerate(blocks, start=1):
        *before, last = block.units
        for index, unit in enumerate(before):
            found |= {f"features.{number}.conv.{index}.{i}": unit[i] for i in (0, 1)}
        found |= {f"features.{number}.conv.{len(before) + i}": last[i] for i in (0, 1)}
    return found


def _torchvision_v3(net: nn.Module) -> Names:
    """MobileNetV3 of torchvision; its first linear layer is a 1x1 convolution of timm's."""
    if not isinstance(net, MobileNetV3):
        return {}
    found = {"features.0.0": "conv_stem", "features.0.1": "bn1", "classifier.0": "conv_head"}
    for number, block in enumerate(blocks_of(net), start=1):
        if len(block.units) == 1:
            found |= {f"features.{number}.{i}": block.units[0][i] for i in (0, 1)}
        else:
            found |= _torchvision_block(f"features.{number}", block)
    return found


def _torchvision_efficientnet(net: nn.Module) -> Names:
    if not isinstance(net, EfficientNet):
        return {}
    blocks = blocks_of(net)
    stages = 1 + max((block.stage for block in blocks), default=0)
    found = dict(_stem_and_head(net, "features.0", f"features.{stages + 1}"))
    for block in blocks:
        found |= _torchvision_block(f"features.{block.stage + 1}.{block.index}", block)
    return found


def _torchvision_block(place: str, block: Block) -> Names:
    found: Names = {}
    for number, unit in enumerate(block.units):
        names = ("fc1", "fc2") if block.squeezes(unit) else ("0", "1")
        found |= {f"{place}.block.{number}.{name}": ours
                  for name, ours in zip(names, unit, strict=True)}  # fmt: skip
    return found


def _without_classifier(names: Callable[[nn.Module], Names]) -> Callable[[nn.Module], Names]:
    """The same where only ``features`` was kept, under whatever name."""
    start = "features."
    return lambda net: {
        name.removeprefix(start): ours for name, ours in names(net).items()
        if name.startswith(start)
    }  # fmt: skip


_EXPANDING = ("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")
_SQUEEZING = ("_se_reduce", "_se_expand")


def _lukemelas(net: nn.Module) -> Names:
    """EfficientNet-PyTorch of Luke Melas-Kyriazi: all blocks in one list."""
    if not isinstance(net, EfficientNet):
        return {}
    found = {
        "_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2",
    }  # fmt: skip
    for number, block in enumerate(blocks_of(net)):
        plain = [unit for unit in block.units if not block.squeezes(unit)]
        named = dict(zip(plain, _EXPANDING[-len(plain) :], strict=False))
        for unit in block.units:
            names = named.get(unit, _SQUEEZING)
            found |= {f"_blocks.{number}.{name}": ours
                      for name, ours in zip(names, unit, strict=True)}  # fmt: skip
    return found


def _eps_of_v3(net: nn.Module) -> float | None:
    return 1e-3 if isinstance(net, MobileNetV3) else None


_TORCHVISION = (
    Layout("torchvision", _torchvision_v2),
    Layout("torchvision", _torchvision_v3, _eps_of_v3),
    Layout("torchvision", _torchvision_efficientnet),
)
LAYOUTS: tuple[Layout, ...] = (
    Layout("timm", _timms),
    *_TORCHVISION,
    *(
        Layout(one.name, _without_classifier(one.names), one.batchnorm_eps) for one in _TORCHVISION
    ),
    Layout("EfficientNet-PyTorch", _lukemelas, pads_as_tensorflow=True),
    *SMALL_LAYOUTS,
    Layout("nn.Sequential", _numbered),
)
"""The first is ours. torchvision's ResNets have the same names."""
