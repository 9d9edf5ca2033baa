"""The part of a method's head that fine-tuning may keep."""

from __future__ import annotations

from typing import assert_never, cast

from torch import nn

from edgessl.methods.build import PretrainingMethod
from edgessl.methods.byol import Byol
from edgessl.methods.dino import Dino
from edgessl.methods.moco import Moco
from edgessl.methods.simclr import SimClr
from edgessl.methods.swav import Swav


def hidden_part(method: PretrainingMethod) -> nn.Sequential:
    """Return the hidden layers of the student's head, or of its projector; not a copy.

    Its keys are those of ``backbones.hidden.build_hidden``.

    Args:
        method: After pretraining.
    """
    match method:
        case Dino():
            head: nn.Module = method.head.mlp
        case Moco():
            head = method.head[0]  # behind it is a predictor, or nothing
        case Swav():
            head = method.head
        case Byol() | SimClr():
            head = method.projector
        case _:
            assert_never(method)
    layers = cast(nn.Sequential, head)
    ends = [n for n, layer in enumerate(layers, 1) if isinstance(layer, nn.GELU | nn.ReLU)]
    return layers[: max(ends, default=0)]
