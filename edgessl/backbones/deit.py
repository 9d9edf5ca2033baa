"""The DeiT-tiny of ssl-small, which is not timm's."""

from __future__ import annotations

from functools import partial
from typing import cast

import torch
from timm.layers.drop import DropPath
from timm.layers.mlp import Mlp
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

WIDTH, HEADS, BLOCKS, PATCH_PX, EPS = 192, 6, 12, 16, 1e-5
CODE_HEAD_DIM, PAPER_HEAD_DIM = 64, 32  # the code's net has 7.3 M parameters, the paper says 5 M


class WideAttention(nn.Module):
    """Self-attention whose heads together may be wider than the tokens; no bias before the heads.

    Args:
        width: Width of a token.
        heads: Number of heads.
        head_dim: Width of a head.
        dropout: After the projection back to tokens.
    """

    def __init__(self, width: int, heads: int, head_dim: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, head_dim
        self.qkv = nn.Linear(width, 3 * heads * head_dim, bias=False)
        self.proj = nn.Linear(heads * head_dim, width)
        self.proj_drop = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Attend.

        Args:
            tokens: ``(B, tokens, width)``.

        Returns:
            ``(B, tokens, width)``.
        """
        heads = self.qkv(tokens).unflatten(2, (3, self.heads, self.head_dim))
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)  # (B, heads, tokens, head_dim)
        mixed = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        result: Tensor = self.proj_drop(self.proj(mixed))
        return result


class DeitBlock(nn.Module):
    """A block of a vision transformer, in timm's key layout.

    Args:
        head_dim: Width of each of the six heads.
        dropout: After attention and in the MLP.
        drop_path: Share of images for which a branch is left out in training.
    """

    def __init__(self, head_dim: int, dropout: float, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, eps=EPS)
        self.attn = WideAttention(WIDTH, HEADS, head_dim, dropout)
        self.norm2 = nn.LayerNorm(WIDTH, eps=EPS)
        self.mlp = Mlp(WIDTH, 4 * WIDTH, drop=dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix tokens, then channels.

        Args:
            tokens: ``(B, tokens, 192)``.

        Returns:
            The same shape.
        """
        tokens = tokens + self.drop_path(self.attn(self.norm1(tokens)))
        result: Tensor = tokens + self.drop_path(self.mlp(self.norm2(tokens)))
        return result


def build_deit(
    image_px: int, *, head_dim: int, dropout: float = 0.0, drop_path: float = 0.0
) -> VisionTransformer:
    """Build a DeiT-tiny with six heads and a frozen random patch projection.

    Args:
        image_px: Side of the images that its position embeddings are for.
        head_dim: ``CODE_HEAD_DIM`` or ``PAPER_HEAD_DIM``.
        dropout: Of the embedding, after attention, and in the MLPs (ssl-small trains with 0.1).
        drop_path: Stochastic depth of the last block, growing linearly over the blocks.

    Returns:
        A network in timm's key layout; its feature is the class token of the final layer norm.

    Source:
        Shi et al. 2022 (ssl-small): 12 blocks of 192, MLP x4, layer norm's eps 1e-5, position and
        class embeddings from N(0, 1). Its patch projection is a linear layer over pixels in (row,
        column, channel) order; being random and frozen, it is the same as a convolution's.
    """
    net = VisionTransformer(
        img_size=image_px, patch_size=PATCH_PX, embed_dim=WIDTH, depth=BLOCKS, num_heads=HEADS,
        num_classes=0, norm_layer=partial(nn.LayerNorm, eps=EPS), pos_drop_rate=dropout,
        weight_init="skip", dynamic_img_size=True,
    )  # fmt: skip
    shares = torch.linspace(0.0, drop_path, BLOCKS, device="cpu").tolist()
    net.blocks = nn.Sequential(*(DeitBlock(head_dim, dropout, share) for share in shares))
    nn.init.normal_(cast(Tensor, net.pos_embed))
    nn.init.normal_(cast(Tensor, net.cls_token))
    net.patch_embed.requires_grad_(False)
    return net
