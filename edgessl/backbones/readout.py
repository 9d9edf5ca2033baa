"""What a classifier reads of a backbone; features as they are, unless a paper says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor
from torch.nn.functional import normalize

from edgessl.backbones.backbone import Backbone
from edgessl.errors import UserError
from edgessl.recipe.readout import Readout

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
