"""DeepLabV3 and FCN: a head on one coarse map of a backbone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from timm.models.resnet import ResNet
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models.segmentation.deeplabv3 import ASPP

from edgessl.backbones import Backbone
from edgessl.backbones.maps import drop_unmapped, feature_maps, map_channels
from edgessl.dense.transfer.body import cut_classifier
from edgessl.errors import UserError
from edgessl.recipe.transfer_table import PixelsTable

_COARSEST = 32


class PixelNetwork(nn.Module):
    """Images to logits at their own size.

    Args:
        backbone: With the weights it starts from; a ResNet's coarse stages are dilated in place.
        classes: ``K``.
        table: What it is like.

    Attributes:
        body: The backbone.
        table: As given.

    Raises:
        UserError: The backbone has no map of the stride.

    Source:
        Chen et al. 2017 (DeepLabV3), arXiv:1706.05587; FCN: Long et al. 2015, arXiv:1411.4038, with
        two dilated convolutions as MoCo, arXiv:1911.05722, appendix.
    """

    def __init__(self, backbone: Backbone, classes: int, table: PixelsTable) -> None:
        super().__init__()
        self.body, self.table = backbone, table
        channels = map_channels(backbone)
        if isinstance(backbone.net, ResNet):
            inside = channels[_COARSEST]
            dilate(backbone.net, table.stride, table.multigrid)
        elif table.stride in channels:
            inside = channels[table.stride]
        else:
            raise UserError(
                f"segmenter.stride: must be of {backbone.name}'s maps "
                f"({', '.join(map(str, channels))}), got {table.stride}"
            )
        drop_unmapped(backbone.net)
        cut_classifier(backbone.net)
        head = _pyramid if table.name == "deeplabv3" else _two_convolutions
        self.head = nn.Sequential(*head(inside, table), nn.Conv2d(table.width, classes, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Compute logits.

        Args:
            images: Normalised, ``(B, 3, H, W)``, sides multiples of 32.

        Returns:
            ``(B, K, H, W)``.
        """
        maps = feature_maps(self.body.net, images)
        coarse: Tensor = self.head(maps[self.table.stride])
        return interpolate(coarse, size=images.shape[-2:], mode="bilinear", align_corners=False)


def dilate(net: ResNet, stride: int, multigrid: Sequence[int]) -> None:
    """Let a ResNet's map have a smaller stride, in place: later strides give way to dilation.

    Args:
        net: Its weights stay.
        stride: Of its last map then.
        multigrid: Further factors of the dilation of the last stage's blocks, in turn.
    """
    dilation = 1
    stages = ((16, cast(nn.Sequential, net.layer3)), (_COARSEST, cast(nn.Sequential, net.layer4)))
    for own, stage in stages:
        if own <= stride:
            continue
        dilation *= 2
        grid = multigrid if own == _COARSEST else (1,)
        for i, block in enumerate(stage):
            for conv in (one for one in block.modules() if isinstance(one, nn.Conv2d)):
                conv.stride = (1, 1)
                if conv.kernel_size == (3, 3):
                    conv.dilation = conv.padding = (dilation * grid[i % len(grid)],) * 2


def _pyramid(inside: int, table: PixelsTable) -> list[nn.Module]:
    # torchvision's, whose dropout the papers do not have.
    pyramid = ASPP(inside, list(table.rates), table.width)
    pyramid.project[3] = nn.Identity()
    return [pyramid]


def _two_convolutions(inside: int, table: PixelsTable) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for _ in range(2):
        layers += [
            nn.Conv2d(inside, table.width, 3, padding=table.rates[0], dilation=table.rates[0],
                      bias=False),
            nn.BatchNorm2d(table.width), nn.ReLU(inplace=True),
        ]  # fmt: skip
        inside = table.width
    return layers


def hardest(losses: Tensor, share: float) -> Tensor:
    """Return the mean of the highest losses.

    Args:
        losses: Of pixels, any shape; 0 where there is no class.
        share: Of the pixels that count, in (0, 1].

    Source:
        detectron2's DeepLab, ``hard_pixel_mining``.
    """
    flat = losses.flatten()
    return torch.topk(flat, max(1, int(share * flat.numel()))).values.mean()
