"""Supervised pretraining: learn the labels, and keep the backbone."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from edgessl.backbones import Backbone
from edgessl.losses.mixed_cross_entropy import mixed_cross_entropy
from edgessl.losses.precision import at_least_fp32
from edgessl.methods.method import PretrainingMethod, Step
from edgessl.methods.mixup import draw_mixup
from edgessl.recipe.method_tables.supervised import SupervisedPretrainingTable
from edgessl.schedules import Clock


class SupervisedPretraining(PretrainingMethod):
    """A backbone with a linear classifier, trained by cross-entropy on every view.

    Each resolution group goes through the backbone on its own, so BN statistics are separate. Mixup
    has one weight and one set of partners for all views of a batch.

    Args:
        backbone: What is trained and kept.
        table: Settings of the method.
        classes: Number of labels ``K`` that are learned.

    Raises:
        ValueError: There are fewer than two labels.

    Source:
        The rows "supervised" of S3L, SSLight, AIRL and Cole et al.
    """

    def __init__(
        self, backbone: Backbone, table: SupervisedPretrainingTable, classes: int
    ) -> None:
        super().__init__()
        if classes < 2:
            raise ValueError(f"supervised pretraining needs at least 2 labels, got {classes}")
        self.table: SupervisedPretrainingTable = table
        self.backbone = backbone
        self.fc = nn.Linear(backbone.feature_dim, classes)
        if table.classifier_std:
            nn.init.normal_(self.fc.weight, std=table.classifier_std)
            nn.init.zeros_(self.fc.bias)

    def forward(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        """Compute the loss.

        Args:
            views: Groups ``(V, B, 3, H, W)``, the global one first.
            labels: Of each image, ``(B,)`` int64.
            clock: Not used.

        Raises:
            ValueError: There are no labels.
        """
        if labels is None:
            raise ValueError("supervised pretraining needs labels")
        mixup, count = draw_mixup(self.table.mixup_alpha, len(labels)), sum(map(len, views))
        features = torch.cat([
            self.backbone(mixup.group(group).flatten(0, 1)) for group in views
        ])  # fmt: skip
        logits = at_least_fp32(self.fc(features))  # (V * B, K)
        own, others = labels.repeat(count), mixup.partners_of(labels).repeat(count)
        loss = mixed_cross_entropy(
            logits, own, others, weight=mixup.weight,
            label_smoothing=self.table.label_smoothing,
        )  # fmt: skip
        correct = (logits.detach().argmax(dim=1) == own).float().mean() * 100.0
        chance = loss.new_tensor(math.log(self.fc.out_features)).detach()
        return Step(loss, {"train_top1_percent": correct, "chance_loss": chance})

    def hidden_part(self) -> nn.Sequential:
        """Return nothing: the classifier reads the features."""
        return nn.Sequential()

    def after_step(self, clock: Clock) -> None:
        """Do nothing: no network follows this one."""
