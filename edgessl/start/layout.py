"""What a way to name the tensors of a network says, and how timm's networks are taken apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import nn

Names = dict[str, str]
"""Names of modules: theirs to ours."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A way to name the modules of a network.

    Attributes:
        name: Whose it is, for messages.
        names: From a network of timm to the names of its modules there; empty where it has none.
        batchnorm_eps: What BN adds to variances in the networks that are named so, where it is
            another number than timm's; None otherwise.
        pads_as_tensorflow: Whether such networks pad convolutions of stride 2 at the lower right.
        own_tensors: Names there of tensors that belong to the network itself: theirs to ours.
        flat_patches: Whether a transformer projects its patches by a linear layer over pixels in
            (row, column, channel) order.
        differs: From a network of timm to a sentence on what else is computed there; empty for
            nothing.
    """

    name: str
    names: Callable[[nn.Module], Names]
    batchnorm_eps: Callable[[nn.Module], float | None] = lambda _net: None
    pads_as_tensorflow: bool = False
    own_tensors: Mapping[str, str] = field(default_factory=dict)
    flat_patches: bool = False
    differs: Callable[[nn.Module], str] = lambda _net: ""


def modules_of(net: nn.Module) -> list[str]:
    """Return the names of the modules that own tensors, in the order of the state dict.

    Args:
        net: A network of timm; a tensor of the network itself has the module ``""``.
    """
    return [*dict.fromkeys(key.rpartition(".")[0] for key in net.state_dict())]


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a MobileNet or an EfficientNet.

    Attributes:
        stage: Its stage, from 0.
        index: In its stage, from 0.
        units: Its modules in the order of computing: convolution and norm, or the two
            convolutions of squeeze-and-excitation.
    """

    stage: int
    index: int
    units: tuple[tuple[str, str], ...]

    def squeezes(self, unit: tuple[str, str]) -> bool:
        """Tell whether a unit is squeeze-and-excitation.

        Args:
            unit: Two of its modules.
        """
        return ".se." in unit[0]


def blocks_of(net: nn.Module) -> list[Block]:
    """Return the blocks of a MobileNet or an EfficientNet of timm, in their order.

    Args:
        net: The network.
    """
    inside: dict[tuple[int, int], list[str]] = {}
    for name in modules_of(net):
        parts = name.split(".")
        if parts[0] == "blocks":
            inside.setdefault((int(parts[1]), int(parts[2])), []).append(name)
    return [
        Block(stage, index, tuple(zip(names[::2], names[1::2], strict=True)))
        for (stage, index), names in inside.items() if len(names) % 2 == 0
    ]  # fmt: skip
