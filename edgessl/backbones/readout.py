"""What a classifier reads of a backbone, and the hidden layers between."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import normalize

from edgessl.backbones.backbone import Backbone
from edgessl.errors import UserError
from edgessl.recipe.backbones import Readout
from edgessl.recipe.method_tables.table import HiddenLayers


def build_hidden(in_dim: int, table: HiddenLayers) -> nn.Sequential:
    """Build hidden layers ``(N, D) -> (N, width of the last)`` with random weights.

    The order of the modules is that of the methods' heads, so the same keys hold the same tensors.

    Args:
        in_dim: Width ``D`` of the features.
        table: What they are; without widths there are no layers, and no keys.
    """
    layers: list[nn.Module] = []
    for width in table.widths:
        layers.append(nn.Linear(in_dim, width, bias=table.bias))
        if table.batch_norm:
            layers.append(nn.BatchNorm1d(width))
        layers.append(nn.GELU() if table.activation == "gelu" else nn.ReLU(inplace=True))
        in_dim = width
    return nn.Sequential(*layers)


_BLOCKS = 4


def features(backbone: Backbone, images: Tensor) -> Tensor:
    """Return the features, ``(B, D)``.

    Args:
        backbone: The network.
        images: Normalised images, ``(B, 3, H, W)``.
    """
    found: Tensor = backbone(images)
    return found


def normalised_features(backbone: Backbone, images: Tensor) -> Tensor:
    """Return the features at length 1, ``(B, D)``.

    Args:
        backbone: The network.
        images: Normalised images, ``(B, 3, H, W)``.

    Source:
        ssl-small's transfer to small sets (Shi et al., AAAI 2022), section 5.
    """
    return normalize(features(backbone, images), dim=1)


def last_blocks(backbone: Backbone, images: Tensor) -> Tensor:
    """Return the class tokens of the last four blocks, each through the final norm, ``(B, 4 D)``.

    Args:
        backbone: A vision transformer of timm's kind.
        images: Normalised images, ``(B, 3, H, W)``.

    Source:
        DINO's and SSLight's linear probe of transformers.
    """
    net = cast(VisionTransformer, backbone.net)
    blocks = net.forward_intermediates(
        images, indices=_BLOCKS, return_prefix_tokens=True, norm=True, intermediates_only=True
    )
    pairs = cast(list[tuple[Tensor, Tensor]], blocks)  # of each: patch tokens, class token
    return torch.cat([prefix[:, 0] for _, prefix in pairs], dim=1)


READOUTS: dict[Readout, Callable[[Backbone, Tensor], Tensor]] = {
    "features": features,
    "normalised_features": normalised_features,
    "last_4_blocks": last_blocks,
}


def readout_dim(backbone: Backbone, readout: Readout) -> int:
    """Return the width of what a classifier reads.

    Args:
        backbone: The network.
        readout: A key of ``READOUTS``.

    Raises:
        UserError: The network has no blocks to read.
    """
    if readout != "last_4_blocks":
        return backbone.feature_dim
    if not isinstance(backbone.net, VisionTransformer):
        raise UserError(
            f"finetune.reads: must be 'features' or 'normalised_features' for {backbone.name}, got "
            "'last_4_blocks'; only vision transformers have them"
        )
    return _BLOCKS * backbone.feature_dim
