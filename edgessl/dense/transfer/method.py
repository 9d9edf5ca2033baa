"""Faster and Mask R-CNN in training, for the loop that all training shares."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from edgessl.backbones import Backbone
from edgessl.methods.method import Step
from edgessl.schedules import Clock

_THIN_PX = 0.01  # thinner boxes have no inside once they are scaled


class RegionTraining(nn.Module):
    """The sum of a region detector's losses.

    Args:
        detector: From ``build_rcnn``.
        train_px: Shorter sides that each image draws from.
        frozen_batchnorm: Whether the backbone's BN stays as it is: statistics, scale and shift.
    """

    def __init__(
        self, detector: GeneralizedRCNN, train_px: tuple[int, ...], *, frozen_batchnorm: bool
    ) -> None:
        super().__init__()
        self.detector = detector
        self._train_px, self._frozen = train_px, frozen_batchnorm
        for module in self._frozen_norms():
            module.requires_grad_(False)

    @property
    def backbone(self) -> Backbone:
        """The network that maps are read of."""
        body: Backbone = self.detector.backbone.body
        return body

    def train(self, mode: bool = True) -> RegionTraining:
        """Switch to training mode; frozen BN stays in evaluation mode."""
        super().train(mode)
        for module in self._frozen_norms():
            module.eval()
        return self

    def _frozen_norms(self) -> list[nn.Module]:
        if not self._frozen:
            return []
        stage = getattr(self.detector.roi_heads.box_head, "stage", nn.Identity())
        whole = (*self.backbone.modules(), *stage.modules())
        return [one for one in whole if isinstance(one, nn.BatchNorm2d)]

    def forward(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        """Compute the loss.

        Args:
            views: As ``SceneSampler`` makes them.
            labels: Not used.
            clock: Not used.
        """
        (pixels,), sizes, boxes, kinds = views[0], views[1].tolist(), views[2], views[3]
        images, targets = [], []
        for i, (height, width) in enumerate(sizes):
            images.append(pixels[i, :, :height, :width].float() / 255)
            sides = boxes[i][:, 2:] - boxes[i][:, :2]
            there = (kinds[i] >= 0) & (sides.amin(dim=1) > _THIN_PX)
            target = {"boxes": boxes[i][there], "labels": kinds[i][there] + 1}
            if len(views) > 4:
                target["masks"] = views[4][i][there][:, :height, :width]
            targets.append(target)
        self.detector.transform.min_size = self._train_px
        losses = self.detector(images, targets)
        log = {name.removeprefix("loss_"): value.detach() for name, value in losses.items()}
        total: Tensor = torch.stack([value.float() for value in losses.values()]).sum()
        return Step(total, {f"{name}_cost": value for name, value in log.items()})

    def after_step(self, clock: Clock) -> None:
        """Do nothing: no network follows this one."""
