"""A detector in training: images and boxes to a loss, for the loop that all training shares."""

from __future__ import annotations

from torch import Tensor, nn

from edgessl.backbones import Backbone
from edgessl.dense.detection.anchors import corners_of
from edgessl.dense.detection.loss import ssd_loss
from edgessl.dense.detection.network import SsdLite
from edgessl.methods.method import Step
from edgessl.schedules import Clock


class Detection(nn.Module):
    """SSD's loss on augmented images.

    Args:
        detector: The network to train.
        frozen_batchnorm: Whether the statistics of the backbone's BN stay as they are.
    """

    def __init__(self, detector: SsdLite, *, frozen_batchnorm: bool = False) -> None:
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
        table = self.detector.table
        logits, offsets = self.detector(images)
        anchors = self.detector.anchors
        classes, places = ssd_loss(
            logits.float(), offsets.float(), anchors, corners_of(anchors), boxes, kinds,
            iou=table.match_iou, negatives=table.negatives,
        )  # fmt: skip
        log = {"class_cost": classes.detach(), "box_cost": places.detach()}
        return Step(classes + places, log)

    def after_step(self, clock: Clock) -> None:
        """Do nothing: no network follows this one."""
