"""From a name to a network of timm or a paper, with the weights it starts from."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import timm
import torch
from timm.layers.drop import DropPath
from timm.layers.mlp import Mlp
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from edgessl.errors import UserError, nearest
from edgessl.recipe.backbones import BACKBONES, TIMM

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


LINEAR_STD = 0.01


@torch.no_grad()
def draw_fan_out(net: nn.Module) -> None:
    """Draw the weights of all convolutions anew, in place, from N(0, 2 / (k * k * C_out)).

    timm divides by the groups too, so that its depthwise convolutions start larger by the root of
    their channels. Behind a batch norm that changes no output, but how fast they learn.
    A convolution with a bias works on pooled maps: a linear layer, which starts from N(0, 0.01).

    Args:
        net: A MobileNet, an EfficientNet or a ResNet; for a ResNet it is the same as timm's.

    Source:
        SSLight's MobileNetV2 and ssl-small's MobileNetV3.
    """
    for module in net.modules():
        if not isinstance(module, nn.Conv2d):
            continue
        if module.bias is None:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        else:
            nn.init.normal_(module.weight, std=LINEAR_STD)
            nn.init.zeros_(module.bias)


_DEIT_HEAD_DIM = {"deit-ti": CODE_HEAD_DIM, "deit-ti-paper": PAPER_HEAD_DIM}
_VIT_PATCH_PX = {"vit-ti16": 16, "vit-ti32": 32, "vit-s16": 16}


def build_net(name: str, image_px: int, *, dropout: float, drop_path: float) -> nn.Module:
    """Build a network with random weights; nothing is downloaded.

    Args:
        name: A key of ``BACKBONES``, or ``timm:NAME``.
        image_px: Side of the images; position embeddings are made for it.
        dropout: Of the features; in a DeiT after every layer instead.
        drop_path: Stochastic depth of the last block, growing linearly over the blocks.

    Raises:
        UserError: The name is unknown, or the network does not take one of the settings.
    """
    if name in _DEIT_HEAD_DIM:
        head_dim = _DEIT_HEAD_DIM[name]
        return build_deit(image_px, head_dim=head_dim, dropout=dropout, drop_path=drop_path)
    settings: dict[str, Any] = {"num_classes": 0}
    settings |= {"drop_rate": dropout} if dropout else {}
    settings |= {"drop_path_rate": drop_path} if drop_path else {}
    if name.startswith(TIMM):
        return _build_timm(name, image_px, settings)
    if name not in BACKBONES:
        raise UserError(
            f"backbone.name: must be one of {', '.join(BACKBONES)} or {TIMM}NAME, got '{name}'"
            f"{nearest(name, BACKBONES) or '; see `edgessl list backbones`'}"
        )
    make = partial(timm.create_model, BACKBONES[name].timm_name, **settings)
    if name in _VIT_PATCH_PX:
        return _build_vit(make, image_px, _VIT_PATCH_PX[name])
    if name.startswith("resnet"):  # torchvision's ResNet, which all papers use: last BN not zero
        return make(zero_init_last=False)
    return make()


def _build_vit(make: partial[nn.Module], image_px: int, patch_px: int) -> nn.Module:
    """Build SSLight's vision transformer, which takes images of any multiple of its patch."""
    if image_px % patch_px:
        raise UserError(
            f"image.crop_px: must be a multiple of {patch_px} px, the patch of a vision "
            f"transformer, got {image_px}"
        )
    net = make(img_size=image_px, patch_size=patch_px, dynamic_img_size=True)
    # As DINO and SSLight do; timm's is nearly zero.
    nn.init.trunc_normal_(cast(Tensor, net.cls_token), std=0.02)
    return net


def _build_timm(name: str, image_px: int, settings: dict[str, Any]) -> nn.Module:
    """Build any other network of timm, by its name there, with or without the weights' tag."""
    architecture = name.removeprefix(TIMM)
    known = timm.list_models()
    if architecture.partition(".")[0] not in known:  # hf-hub: and local-dir: are refused here too
        raise UserError(
            f"backbone.name: must be {TIMM} and an architecture of timm, got '{name}'"
            f"{nearest(architecture, known) or '; see timm.list_models()'}"
        )
    sized: dict[str, Any] = {"img_size": image_px}
    for extra in ({**sized, "dynamic_img_size": True}, sized, {}):
        try:
            return timm.create_model(architecture, **settings, **extra)
        except TypeError as error:
            refusal = error
        except (AssertionError, ValueError, RuntimeError) as error:
            raise UserError(
                f"backbone.name: {name} must be buildable for {image_px} px, got '{error}'; "
                "choose another size or network"
            ) from error
    raise UserError(
        f"backbone.name: {name} must take dropout and drop_path as given, got '{refusal}'; "
        "leave them out or choose another network"
    ) from refusal


def without_drop_path(net: nn.Module) -> None:
    """Switch stochastic depth off, in place."""
    for module in net.modules():
        if isinstance(module, DropPath):
            module.drop_prob = 0.0
