"""LR-ASPP on any backbone."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models.segmentation.lraspp import LRASPPHead

from edgessl.backbones import Backbone
from edgessl.backbones.last_stage import has_last_stage, remove_last_stage
from edgessl.backbones.maps import drop_unmapped, feature_maps, map_channels
from edgessl.errors import UserError
from edgessl.recipe.segmenter_table import LrAsppTable

LAST_STRIDE = 32
"""Of a backbone's last stage, which is cut off where nothing reads it."""


class LrAspp(nn.Module):
    """A segmenter in one pass.

    Args:
        backbone: Images to maps; what it has behind them is cut off.
        classes: Number of classes ``K``.
        table: Its settings.
        input_px: Side ``S`` of the images.

    Raises:
        UserError: The backbone has no map at one of the strides.

    Source:
        Howard et al. 2019, arXiv:1905.02244, section 6.4; the head is torchvision's.
    """

    def __init__(
        self, backbone: Backbone, classes: int, table: LrAsppTable, input_px: int
    ) -> None:
        super().__init__()
        drop_unmapped(backbone.net)
        if table.high_stride < LAST_STRIDE and has_last_stage(backbone.net):
            remove_last_stage(backbone.net)
        self.backbone = backbone
        self.classes, self.input_px, self.table = classes, input_px, table
        channels = map_channels(backbone)
        for stride in (table.low_stride, table.high_stride):
            if stride not in channels:
                raise UserError(
                    f"segmenter: must read strides of {backbone.name}'s maps "
                    f"({', '.join(map(str, channels))}), got {stride}"
                )
        self.head = LRASPPHead(
            channels[table.low_stride], channels[table.high_stride], classes, table.width
        )

    def forward(self, images: Tensor) -> Tensor:
        """Compute logits of every pixel.

        Args:
            images: Normalised, ``(B, 3, S, S)``.

        Returns:
            ``(B, K, S, S)``.
        """
        maps = feature_maps(self.backbone.net, images)
        logits: Tensor = self.head(
            {"low": maps[self.table.low_stride], "high": maps[self.table.high_stride]}
        )
        side = (self.input_px, self.input_px)
        return interpolate(logits, size=side, mode="bilinear", align_corners=False)
