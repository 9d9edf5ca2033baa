"""Heads of the regions of a Faster R-CNN whose map is before a ResNet's last stage (C4)."""

from __future__ import annotations

from torch import Tensor, nn


class StageHead(nn.Module):
    """A ResNet's last stage on every region, with one more BN behind it where a recipe says so.

    Args:
        stage: The last stage.
        channels: That come out of it.
        batchnorm: Whether BN follows.

    Source:
        He et al. 2020 (MoCo), arXiv:1911.05722, appendix: the new layers of C4 have BN.
    """

    def __init__(self, stage: nn.Module, channels: int, *, batchnorm: bool) -> None:
        super().__init__()
        self.stage = stage
        self.norm = nn.BatchNorm2d(channels) if batchnorm else nn.Identity()

    def maps(self, regions: Tensor) -> Tensor:
        """Compute maps ``(R, D, 7, 7)`` of regions ``(R, C, 14, 14)``."""
        maps: Tensor = self.norm(self.stage(regions))
        return maps

    def forward(self, regions: Tensor) -> Tensor:
        """Compute features ``(R, D)`` of regions ``(R, C, 14, 14)``."""
        return self.maps(regions).mean(dim=(2, 3))


class SharedStage(nn.Module):
    """The maps of a ``StageHead``, for the masks of the same regions.

    Args:
        head: Keeps its weights.
    """

    def __init__(self, head: StageHead) -> None:
        super().__init__()
        self.head = (head,)  # hidden: its weights are saved once

    def forward(self, regions: Tensor) -> Tensor:
        """Compute maps ``(R, D, 7, 7)`` of regions ``(R, C, 14, 14)``."""
        return self.head[0].maps(regions)
