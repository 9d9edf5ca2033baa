"""A detector in training: images and boxes to a loss, for the loop that all training shares."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgessl.backbones import Backbone
from edgessl.dense.detection.network import Network
from edgessl.methods.method import Step
from edgessl.schedules import Clock


class Detection(nn.Module):
    """SSD's loss on augmented images.

    Args:
        detector: The network to train.
        frozen_batchnorm: Whether the statistics of the backbone's BN stay as they are.
    """

    leaves_unused = True
    """A detector without the coarsest map computes nothing with the backbone's last stage."""

    def __init__(self, detector: Network, *, frozen_batchnorm: bool = False) -> None:
        super().__init__()
        self.detector = detector
        self._frozen = frozen_batchnorm

    @property
    def backbone(self) -> Backbone:
        """The network that maps are read of."""
        return self.detector.backbone

    def train(self, mode: bool = True) -> Detection:
        """Switch to training mode; frozen BN stays in evaluation mode."""
        super().train(mode)
        for module in self.backbone.modules() if self._frozen else ():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        """Compute the loss.

        Args:
            views: Images ``(1, B, 3, S, S)``, boxes ``(B, N, 4)`` and classes ``(B, N)``, as
                ``BoxSampler`` makes them.
            labels: Not used.
            clock: Not used.
        """
        (images,), boxes, kinds = views[0], views[1], views[2]
        costs = self.detector.costs(images, boxes, kinds)
        loss = torch.stack([*costs.values()]).sum()
        return Step(loss, {name: cost.detach() for name, cost in costs.items()})

    def after_step(self, clock: Clock) -> None:
        """Do nothing: no network follows this one."""
