"""SSDLite on any backbone: default boxes, and a separable head at every level of a pyramid."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torchvision.models.detection.ssdlite import _prediction_block

from edgessl.backbones import Backbone
from edgessl.backbones.maps import drop_unmapped, feature_maps, map_channels
from edgessl.dense.detection.anchors import anchors_of, corners_of, decode
from edgessl.dense.detection.loss import ssd_loss
from edgessl.dense.detection.pyramid import (
    LightPyramid,
    draw_weights,
    mapped_strides,
    rows_of,
)
from edgessl.distributed.collectives import shared_count
from edgessl.recipe.detector_table import SsdLiteTable

_PRIOR = 0.01  # share of background that a random head calls an object, as in RetinaNet


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
        self.strides = mapped_strides(backbone, table.strides)
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
        draw_weights(self.pyramid, self.logits, self.offsets)
        for heads in (self.logits, self.offsets):
            for block in heads:
                nn.init.normal_(cast(Tensor, cast(nn.Sequential, block)[-1].weight), std=0.01)
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
        logits = [rows_of(head(one), self.classes + 1)
                  for head, one in zip(self.logits, levels, strict=True)]  # fmt: skip
        offsets = [rows_of(head(one), 4) for head, one in zip(self.offsets, levels, strict=True)]
        return torch.cat(logits, dim=1), torch.cat(offsets, dim=1)

    @property
    def places(self) -> int:
        """Boxes that it chooses from."""
        return len(self.anchors)

    def decoded(self, images: Tensor) -> Tensor:
        """Compute ``(B, A, 4 + K)``: corners as shares of the image, then a score for each class.

        Args:
            images: Normalised, ``(B, 3, S, S)``.
        """
        logits, offsets = self(images)
        boxes = decode(offsets, self.anchors)
        return torch.cat([boxes, logits.softmax(dim=-1)[..., 1:]], dim=-1)

    def costs(self, images: Tensor, boxes: Tensor, kinds: Tensor) -> dict[str, Tensor]:
        """Compute the parts of the loss.

        Args:
            images: Normalised, ``(B, 3, S, S)``.
            boxes: Corners of objects as shares, ``(B, N, 4)``.
            kinds: Their classes, as ``BoxSampler`` makes them, ``(B, N)``.
        """
        logits, offsets = self(images)
        classes, places = ssd_loss(
            logits.float(), offsets.float(), self.anchors, corners_of(self.anchors), boxes, kinds,
            iou=self.table.match_iou, negatives=self.table.negatives, normaliser=shared_count,
        )  # fmt: skip
        return {"class_cost": classes, "box_cost": places}


def _expect_background(layer: nn.Module, boxes: int, classes: int) -> None:
    """Let a random head call all but ``_PRIOR`` of its boxes background."""
    bias = torch.zeros(boxes, classes + 1, device="cpu")
    bias[:, 0] = math.log((1.0 - _PRIOR) * classes / _PRIOR)
    with torch.no_grad():
        cast(Tensor, layer.bias).copy_(bias.flatten())
