"""From a name to a timm network, with the weights it starts from."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import timm
import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn

from edgessl.backbones.deit import CODE_HEAD_DIM, PAPER_HEAD_DIM, build_deit
from edgessl.errors import UserError, nearest
from edgessl.recipe.backbones import BACKBONES, TIMM

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
