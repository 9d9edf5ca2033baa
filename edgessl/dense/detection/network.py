"""SSDLite on any backbone: a light feature pyramid, and a separable head at every level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models.detection.ssdlite import _prediction_block

from edgessl.backbones import Backbone
from edgessl.backbones.maps import drop_unmapped, feature_maps, map_channels
from edgessl.dense.detection.anchors import anchors_of, decode
from edgessl.errors import UserError
from edgessl.recipe.detector_table import SsdLiteTable

_PRIOR = 0.01  # share of background that a random head calls an object, as in RetinaNet


class LightPyramid(nn.Module):
    """A feature pyramid of separable convolutions, with further maps at half the side each.

    Args:
        channels: Of the backbone's maps, the finest first.
        width: Of the maps that come out.
        further: How many maps are added beyond the coarsest.

    Source:
        Lin et al. 2017 (FPN), arXiv:1612.03144; separable as the SSDLite of MobileNetV2 (Sandler et
        al. 2018, arXiv:1801.04381, section 6.2).
    """

    def __init__(self, channels: Sequence[int], width: int, further: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(_pointwise(count, width) for count in channels)
        self.smooth = nn.ModuleList(_separable(width, 1) for _ in channels)
        self.further = nn.ModuleList(_separable(width, 2) for _ in range(further))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Compute the pyramid ``(B, width, h, w)`` of each level, the finest first."""
        above: Tensor | None = None
        found: list[Tensor] = []
        for level in reversed(range(len(self.lateral))):
            here: Tensor = self.lateral[level](maps[level])
            if above is not None:
                here = here + interpolate(above, scale_factor=2.0, mode="nearest")
            above = here
            found.insert(0, self.smooth[level](here))
        for block in self.further:
            found.append(block(found[-1]))
        return found


def _pointwise(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, 1, bias=False), nn.BatchNorm2d(outside))


def _separable(width: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, width, 3, stride, 1, groups=width, bias=False), nn.BatchNorm2d(width),
        nn.ReLU6(inplace=True), nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width),
        nn.ReLU6(inplace=True),
    )  # fmt: skip


class SsdLite(nn.Module):
    """A detector in one pass.

    Args:
        backbone: Images to maps; what it has behind them is cut off.
        classes: Number of classes ``K``.
        table: Its settings.
        input_px: Side ``S`` of the images.

    Attributes:
        anchors: Default boxes, centre and size as shares, ``(A, 4)``.

    Raises:
        UserError: The backbone has no map at the finest stride.

    Source:
        Liu et al. 2016 (SSD), arXiv:1512.02325; head: torchvision's SSDLite.
    """

    anchors: Tensor

    def __init__(
        self, backbone: Backbone, classes: int, table: SsdLiteTable, input_px: int
    ) -> None:
        super().__init__()
        drop_unmapped(backbone.net)
        self.backbone = backbone
        self.classes, self.input_px, self.table = classes, input_px, table
        channels = map_channels(backbone)
        self.strides = tuple(stride for stride in table.strides if stride in channels)
        if self.strides != table.strides[: len(self.strides)] or not self.strides:
            raise UserError(
                f"detector.strides: must begin with strides of {backbone.name}'s maps "
                f"({', '.join(map(str, channels))}), got {list(table.strides)}"
            )
        further = len(table.strides) - len(self.strides)
        self.pyramid = LightPyramid([channels[one] for one in self.strides], table.width, further)
        boxes = len(table.octaves) * len(table.ratios)
        self.logits = nn.ModuleList(
            _prediction_block(table.width, boxes * (classes + 1), 3, nn.BatchNorm2d)
            for _ in table.strides
        )
        self.offsets = nn.ModuleList(
            _prediction_block(table.width, boxes * 4, 3, nn.BatchNorm2d) for _ in table.strides
        )
        _draw(self.pyramid, self.logits, self.offsets)
        for block in self.logits:
            _expect_background(cast(nn.Sequential, block)[-1], boxes, classes)
        self.register_buffer(
            "anchors",
            anchors_of(
                table.strides, input_px=input_px, base=table.anchor_base, octaves=table.octaves,
                ratios=table.ratios,
            ),
            persistent=False,
        )  # fmt: skip

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Compute logits and offsets.

        Args:
            images: Normalised, ``(B, 3, S, S)``.

        Returns:
            Logits ``(B, A, K + 1)``, background first, and offsets ``(B, A, 4)``.
        """
        maps = feature_maps(self.backbone.net, images)
        levels = self.pyramid([maps[stride] for stride in self.strides])
        logits = [_rows(head(one), self.classes + 1)
                  for head, one in zip(self.logits, levels, strict=True)]  # fmt: skip
        offsets = [_rows(head(one), 4) for head, one in zip(self.offsets, levels, strict=True)]
        return torch.cat(logits, dim=1), torch.cat(offsets, dim=1)


class Decoded(nn.Module):
    """A detector that gives boxes and scores in one tensor, doubles included.

    Args:
        detector: In eval mode.
    """

    def __init__(self, detector: SsdLite) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> Tensor:
        """Compute ``(B, A, 4 + K)``: corners as shares of the image, then a score for each class.

        Args:
            images: Normalised, ``(B, 3, S, S)``.
        """
        logits, offsets = self.detector(images)
        boxes = decode(offsets, self.detector.anchors)
        return torch.cat([boxes, logits.softmax(dim=-1)[..., 1:]], dim=-1)


def _rows(maps: Tensor, columns: int) -> Tensor:
    """Lay ``(B, n * columns, h, w)`` out as ``(B, h * w * n, columns)``."""
    rows = maps[0].numel() // columns  # a number: only the batch stays open in an exported graph
    return maps.permute(0, 2, 3, 1).reshape(-1, rows, columns)


def _draw(*modules: nn.Module) -> None:
    for module in modules:
        for conv in module.modules():
            if isinstance(conv, nn.Conv2d):
                nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
                if conv.bias is not None:
                    nn.init.zeros_(conv.bias)
    for heads in modules[1:]:
        for block in heads.children():
            nn.init.normal_(block[-1].weight, std=0.01)  # type: ignore[index]


def _expect_background(layer: nn.Module, boxes: int, classes: int) -> None:
    """Let a random head call all but ``_PRIOR`` of its boxes background."""
    bias = torch.zeros(boxes, classes + 1, device="cpu")
    bias[:, 0] = math.log((1.0 - _PRIOR) * classes / _PRIOR)
    with torch.no_grad():
        cast(Tensor, layer.bias).copy_(bias.flatten())
