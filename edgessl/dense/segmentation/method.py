"""A segmenter in training: images and masks to a loss, for the loop that all training shares."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from edgessl.backbones import Backbone
from edgessl.dense.masks.masked import VOID
from edgessl.dense.segmentation.network import LrAspp
from edgessl.distributed.collectives import shared_count
from edgessl.methods.method import Step
from edgessl.schedules import Clock


class Segmentation(nn.Module):
    """Cross-entropy over the pixels that have a class.

    Args:
        segmenter: The network to train.
    """

    def __init__(self, segmenter: LrAspp) -> None:
        super().__init__()
        self.segmenter = segmenter

    @property
    def backbone(self) -> Backbone:
        """The network that maps are read of."""
        return self.segmenter.backbone

    def forward(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        """Compute the loss.

        Args:
            views: Images ``(1, B, 3, S, S)`` and masks ``(B, S, S)``, as ``MaskSampler`` makes
                them.
            labels: Not used.
            clock: Not used.
        """
        images, masks = views[0][0], views[1]
        logits = self.segmenter(images).float()
        cost = cross_entropy(logits, masks, ignore_index=VOID, reduction="sum")
        there = masks != VOID
        count = shared_count(there.sum())
        loss = cost / count
        with torch.no_grad():
            right = ((logits.argmax(dim=1) == masks) & there).sum() / count
        return Step(loss, {"train_pixels_percent": 100.0 * right})

    def after_step(self, clock: Clock) -> None:
        """Do nothing: no network follows this one."""
