"""DeepLabV3 and FCN in training, for the loop that all training shares."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from edgessl.backbones import Backbone
from edgessl.dense.masks.masked import VOID
from edgessl.dense.transfer.dilated import PixelNetwork, hardest
from edgessl.methods.method import Step
from edgessl.schedules import Clock


class PixelTraining(nn.Module):
    """Cross-entropy over the pixels that have a class, or over the hardest of them.

    Args:
        segmenter: The network to train.
    """

    def __init__(self, segmenter: PixelNetwork) -> None:
        super().__init__()
        self.segmenter = segmenter
        for module in self._frozen_norms():
            module.requires_grad_(False)

    @property
    def backbone(self) -> Backbone:
        """The network that a map is read of."""
        return self.segmenter.body

    def train(self, mode: bool = True) -> PixelTraining:
        """Switch to training mode; frozen BN stays in evaluation mode."""
        super().train(mode)
        for module in self._frozen_norms():
            module.eval()
        return self

    def _frozen_norms(self) -> list[nn.Module]:
        frozen = self.segmenter.table.batchnorm == "frozen"
        return [one for one in self.backbone.modules()
                if frozen and isinstance(one, nn.BatchNorm2d)]  # fmt: skip

    def forward(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        """Compute the loss.

        Args:
            views: As ``PixelSampler`` makes them.
            labels: Not used.
            clock: Not used.
        """
        (images,), classes = views[0], views[1]
        logits = self.segmenter(images).float()
        losses = cross_entropy(logits, classes, ignore_index=VOID, reduction="none")
        there = classes != VOID
        share = self.segmenter.table.hard_share
        whole = losses.sum() / there.sum().clamp_min(1)
        with torch.no_grad():
            right = ((logits.argmax(dim=1) == classes) & there).sum() / there.sum().clamp_min(1)
        log = {"train_pixels_percent": 100.0 * right}
        return Step(whole if share == 1 else hardest(losses, share), log)

    def after_step(self, clock: Clock) -> None:
        """Do nothing: no network follows this one."""
