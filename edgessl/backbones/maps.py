"""Feature maps of a backbone at several strides, for detection and segmentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from timm.models.efficientnet import EfficientNet
from timm.models.mobilenetv3 import MobileNetV3
from timm.models.resnet import ResNet
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from edgessl.backbones.backbone import Backbone
from edgessl.errors import UserError

PROBE_PX = 128


def feature_maps(net: nn.Module, images: Tensor) -> dict[int, Tensor]:
    """Compute the last map of a network at every stride it has, the finest first.

    A transformer has one resolution; its tokens are laid out as a map and resampled to half and to
    twice its stride, as in ViTDet without convolutions.

    Args:
        net: Of a ``Backbone``; a ResNet, a MobileNet, an EfficientNet or a vision transformer.
        images: Normalised, ``(B, 3, H, W)``, sides multiples of the largest stride.

    Returns:
        Stride -> ``(B, C, H / stride, W / stride)``.

    Raises:
        UserError: The network is of another family.

    Source:
        Li et al. 2022 (ViTDet), arXiv:2203.16527, section 3, for transformers.
    """
    if isinstance(net, VisionTransformer):
        return _of_transformer(net, images)
    found: dict[int, Tensor] = {}
    for features in _stages(net, images):
        if features.ndim == 4 and features.shape[-1] > 1:
            # Whole numbers: while TorchScript traces, sides are tensors.
            found[round(int(images.shape[-1]) / int(features.shape[-1]))] = features
    return found


def drop_unmapped(net: nn.Module) -> None:
    """Cut off, in place, what comes behind the last map: a MobileNet's 1x1 head.

    Args:
        net: Of a ``Backbone``; it gives no features of their width any more.
    """
    if isinstance(net, EfficientNet | MobileNetV3):
        for name in ("conv_head", "norm_head", "bn2"):
            if hasattr(net, name):
                setattr(net, name, nn.Identity())


def map_channels(backbone: Backbone) -> dict[int, int]:
    """Return the channels of a backbone's maps by stride, probed by a forward pass.

    Args:
        backbone: The network; it stays in its mode.
    """
    training = backbone.training
    backbone.eval()
    side = backbone.image_px if backbone.fixed_px else PROBE_PX
    device = next(backbone.parameters()).device
    with torch.no_grad():
        maps = feature_maps(backbone.net, torch.zeros(1, 3, side, side, device=device))
    backbone.train(training)
    return {stride: int(features.shape[1]) for stride, features in maps.items()}


def _stages(net: nn.Module, images: Tensor) -> Iterator[Tensor]:
    if isinstance(net, ResNet):
        stem = cast(tuple[nn.Module, ...], (net.conv1, net.bn1, net.act1))
        features = images
        for part in stem:
            features = part(features)
        yield features
        features = cast(nn.Module, net.maxpool)(features)
        stages = (net.layer1, net.layer2, net.layer3, net.layer4)
        for stage in cast(tuple[nn.Module, ...], stages):
            features = stage(features)
            yield features
    elif isinstance(net, EfficientNet | MobileNetV3):
        # timm's batch norms hold their activation.
        features = cast(nn.Module, net.bn1)(net.conv_stem(images))
        yield features
        for stage in net.blocks:
            features = stage(features)
            yield features
    else:
        raise UserError(
            f"backbone.name: must have feature maps (a ResNet, a MobileNet, an EfficientNet or a "
            f"ViT), got a {type(net).__name__}; choose another network"
        )


def _of_transformer(net: VisionTransformer, images: Tensor) -> dict[int, Tensor]:
    patch = int(net.patch_embed.patch_size[0])
    tokens = net.forward_features(images)[:, net.num_prefix_tokens :]  # (B, h * w, C)
    height, width = images.shape[-2] // patch, images.shape[-1] // patch
    grid = tokens.transpose(1, 2).reshape(-1, tokens.shape[-1], height, width)
    return {
        patch // 2: interpolate(grid, scale_factor=2.0, mode="bilinear"),
        patch: grid,
        patch * 2: avg_pool2d(grid, 2),
    }
