"""The detectors there are, by the name in their recipe's table."""

from __future__ import annotations

from torch import Tensor, nn

from edgessl.backbones import Backbone
from edgessl.dense.detection.fcos import FcosLite
from edgessl.dense.detection.ssdlite import SsdLite
from edgessl.recipe.detector_table import FcosLiteTable, SsdLiteTable

Network = SsdLite | FcosLite


def build_detector(
    backbone: Backbone, classes: int, table: SsdLiteTable | FcosLiteTable, input_px: int
) -> Network:
    """Build a detector with a random head.

    Args:
        backbone: Images to maps; what it has behind them is cut off.
        classes: Number of classes ``K``.
        table: Which one, and its settings.
        input_px: Side ``S`` of the images.

    Raises:
        UserError: The backbone has no map at the finest stride.
    """
    if isinstance(table, SsdLiteTable):
        return SsdLite(backbone, classes, table, input_px)
    return FcosLite(backbone, classes, table, input_px)


class Decoded(nn.Module):
    """A detector that gives boxes and scores in one tensor, doubles included.

    Args:
        detector: In eval mode.
    """

    def __init__(self, detector: Network) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> Tensor:
        """Compute ``(B, A, 4 + K)``: corners as shares of the image, then a score for each class.

        Args:
            images: Normalised, ``(B, 3, S, S)``.
        """
        return self.detector.decoded(images)
