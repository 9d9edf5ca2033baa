"""Position embeddings of one image size, resampled for another."""

from __future__ import annotations

from math import isqrt

from timm.layers.pos_embed import resample_abs_pos_embed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

_KEY = "pos_embed"


def can_resample(net: nn.Module) -> bool:
    """Tell whether a network's position embeddings can be made for another size of image."""
    return isinstance(net, VisionTransformer)


def with_positions_for(net: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights whose position embeddings have the size of a network's, by bicubic resampling.

    Args:
        net: Who the weights are for; of others than vision transformers they come back as given.
        weights: In timm's keys, for images of any size.

    Source:
        DINO and SSLight, for views of other sizes. Ours is timm's, antialiased, which the network
        also uses in each pass.
    """
    if not isinstance(net, VisionTransformer) or _KEY not in weights or net.pos_embed is None:
        return weights
    given, own = weights[_KEY], net.state_dict()[_KEY]  # (1, prefix + grid * grid, D)
    prefix = net.num_prefix_tokens
    if given.ndim != 3 or given.shape[::2] != own.shape[::2] or given.shape[1] <= prefix:
        return weights
    side = isqrt(own.shape[1] - prefix)
    resampled = resample_abs_pos_embed(given, [side, side], num_prefix_tokens=prefix)
    return {**weights, _KEY: resampled}
