"""FCOS with a light head: every cell of some maps predicts one box, without default boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from edgessl.backbones import Backbone
from edgessl.backbones.maps import drop_unmapped, feature_maps, map_channels
from edgessl.dense.detection.anchors import MOST_GROWTH
from edgessl.dense.detection.fcos_loss import fcos_loss
from edgessl.dense.detection.pyramid import (
    LightPyramid,
    draw_weights,
    mapped_strides,
    rows_of,
    separable,
)
from edgessl.distributed.collectives import mean_over_processes, shared_count
from edgessl.recipe.detector_table import FcosLiteTable

_PRIOR = 0.01  # probability of an object at the start, as in RetinaNet and FCOS
_FIRST_SIDES = 4.0  # strides from a cell to the sides of its box, at the start; not tuned
REACH = 8.0
"""Sides of boxes up to so many strides away are a level's: 64 px of stride 8, as in FCOS."""


class FcosLite(nn.Module):
    """An anchor-free detector in one pass.

    Args:
        backbone: Images to maps; what it has behind them is cut off.
        classes: Number of classes ``K``.
        table: Its settings.
        input_px: Side ``S`` of the images.

    Attributes:
        points: Centres of the cells in px, ``(A, 2)``.
        steps: Stride of each cell, ``(A,)``.

    Raises:
        UserError: The backbone has no map at the finest stride.

    Source:
        Tian et al. 2019 (FCOS), arXiv:1904.01355; separable convolutions in the head, and one for
        each level, as NanoDet and SSDLite have them.
    """

    points: Tensor
    steps: Tensor

    def __init__(
        self, backbone: Backbone, classes: int, table: FcosLiteTable, input_px: int
    ) -> None:
        super().__init__()
        drop_unmapped(backbone.net)
        self.backbone = backbone
        self.classes, self.input_px, self.table = classes, input_px, table
        channels = map_channels(backbone)
        self.strides = mapped_strides(backbone, table.strides)
        further = len(table.strides) - len(self.strides)
        self.pyramid = LightPyramid([channels[one] for one in self.strides], table.width, further)
        self.towers = nn.ModuleList(
            nn.Sequential(*(separable(table.width, 1) for _ in range(table.depth)))
            for _ in table.strides
        )
        self.logits = nn.ModuleList(nn.Conv2d(table.width, classes, 1) for _ in table.strides)
        self.sides = nn.ModuleList(nn.Conv2d(table.width, 4, 1) for _ in table.strides)
        self.middles = nn.ModuleList(nn.Conv2d(table.width, 1, 1) for _ in table.strides)
        draw_weights(self.pyramid, self.towers)
        _draw_last(self.logits, math.log(_PRIOR / (1.0 - _PRIOR)))
        _draw_last(self.sides, math.log(_FIRST_SIDES))
        _draw_last(self.middles, 0.0)
        points, steps = points_of(table.strides, input_px)
        self.register_buffer("points", points, persistent=False)
        self.register_buffer("steps", steps, persistent=False)

    @property
    def places(self) -> int:
        """Boxes that it chooses from."""
        return len(self.points)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute what every cell says.

        Args:
            images: Normalised, ``(B, 3, S, S)``.

        Returns:
            Logits ``(B, A, K)``; logarithms of the distances to left, top, right, bottom in
            strides, ``(B, A, 4)``; logits of lying in the middle, ``(B, A, 1)``.
        """
        maps = feature_maps(self.backbone.net, images)
        levels = self.pyramid([maps[stride] for stride in self.strides])
        levels = [tower(one) for tower, one in zip(self.towers, levels, strict=True)]

        def over(heads: nn.ModuleList, columns: int) -> Tensor:
            return torch.cat(
                [rows_of(head(one), columns) for head, one in zip(heads, levels, strict=True)],
                dim=1,
            )

        return over(self.logits, self.classes), over(self.sides, 4), over(self.middles, 1)

    def decoded(self, images: Tensor) -> Tensor:
        """Compute ``(B, A, 4 + K)``: corners as shares of the image, then a score for each class.

        The score is the geometric mean of class and middle: FCOS's later choice, which keeps it on
        the scale of a probability.
        """
        logits, sides, middles = self(images)
        scores = torch.sqrt(logits.sigmoid() * middles.sigmoid())
        corners = self.corners(sides) / self.input_px
        return torch.cat([corners.clamp(0.0, 1.0), scores], dim=-1)

    def corners(self, sides: Tensor) -> Tensor:
        """Turn logarithms of distances ``(B, A, 4)`` into corners in px, ``(B, A, 4)``."""
        away = torch.exp(sides.clamp(max=MOST_GROWTH)) * self.steps[:, None]
        return torch.cat([self.points - away[..., :2], self.points + away[..., 2:]], dim=-1)

    def costs(self, images: Tensor, boxes: Tensor, kinds: Tensor) -> dict[str, Tensor]:
        """Compute the parts of the loss.

        Args:
            images: Normalised, ``(B, 3, S, S)``.
            boxes: Corners of objects as shares, ``(B, N, 4)``.
            kinds: Their classes, as ``BoxSampler`` makes them, ``(B, N)``.
        """
        logits, sides, middles = (one.float() for one in self(images))
        classes, places, middle = fcos_loss(
            logits, self.corners(sides), middles[..., 0], self.points, self.steps,
            boxes * self.input_px, kinds, reach=REACH, radius=self.table.radius,
            normaliser=shared_count, weight_normaliser=mean_over_processes,
        )
        return {"class_cost": classes, "box_cost": places, "middle_cost": middle}


def points_of(strides: Sequence[int], input_px: int) -> tuple[Tensor, Tensor]:
    """Lay out the cells of all levels, in the order of the outputs.

    Args:
        strides: Of each level in pixels.
        input_px: Side S of the images.

    Returns:
        Centres in px ``(A, 2)``, and strides ``(A,)``.
    """
    points, steps = [], []
    for stride in strides:
        cells = math.ceil(input_px / stride)
        centres = (torch.arange(cells, dtype=torch.float32, device="cpu") + 0.5) * input_px / cells
        y, x = torch.meshgrid(centres, centres, indexing="ij")
        points.append(torch.stack([x, y], dim=-1).reshape(-1, 2))
        steps.append(torch.full((cells * cells,), float(stride), device="cpu"))
    return torch.cat(points), torch.cat(steps)


def _draw_last(heads: nn.ModuleList, bias: float) -> None:
    for head in heads:
        assert isinstance(head, nn.Conv2d)
        assert head.bias is not None
        nn.init.normal_(head.weight, std=0.01)
        nn.init.constant_(head.bias, bias)
