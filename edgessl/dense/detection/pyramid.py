"""A light feature pyramid, and what the heads of its levels share."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import interpolate

from edgessl.backbones import Backbone
from edgessl.backbones.maps import map_channels
from edgessl.errors import UserError


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
        self.smooth = nn.ModuleList(separable(width, 1) for _ in channels)
        self.further = nn.ModuleList(separable(width, 2) for _ in range(further))

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


def separable(width: int, stride: int) -> nn.Sequential:
    """Return a depthwise and a pointwise convolution, each with BN and ReLU6."""
    return nn.Sequential(
        nn.Conv2d(width, width, 3, stride, 1, groups=width, bias=False), nn.BatchNorm2d(width),
        nn.ReLU6(inplace=True), nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width),
        nn.ReLU6(inplace=True),
    )  # fmt: skip


def mapped_strides(backbone: Backbone, strides: Sequence[int]) -> tuple[int, ...]:
    """Return the strides that are read of the backbone; those behind them are made.

    Args:
        backbone: Images to maps.
        strides: Of all levels, the finest first.

    Raises:
        UserError: The first is none of the backbone's.
    """
    channels = map_channels(backbone)
    found = tuple(stride for stride in strides if stride in channels)
    if found != tuple(strides[: len(found)]) or not found:
        raise UserError(
            f"detector.strides: must begin with strides of {backbone.name}'s maps "
            f"({', '.join(map(str, channels))}), got {list(strides)}"
        )
    return found


def rows_of(maps: Tensor, columns: int) -> Tensor:
    """Lay ``(B, n * columns, h, w)`` out as ``(B, h * w * n, columns)``."""
    rows = maps[0].numel() // columns  # a number: only the batch stays open in an exported graph
    return maps.permute(0, 2, 3, 1).reshape(-1, rows, columns)


def draw_weights(*modules: nn.Module) -> None:
    """Draw the weights of all convolutions anew; biases are zero."""
    for module in modules:
        for conv in module.modules():
            if isinstance(conv, nn.Conv2d):
                nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
                if conv.bias is not None:
                    nn.init.zeros_(conv.bias)
