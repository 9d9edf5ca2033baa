"""SimCLR: contrastive learning of visual representations."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from edgessl.backbones import Backbone
from edgessl.distributed.collectives import gather_with_gradient
from edgessl.heads.hidden import hidden_part
from edgessl.heads.projection import projection_head
from edgessl.losses.nt_xent import form_factor, nt_xent
from edgessl.methods.method import PretrainingMethod, Step
from edgessl.methods.positives import positive_similarity
from edgessl.methods.signs import output_signs
from edgessl.recipe.method_tables.simclr import SimClrTable
from edgessl.schedules import Clock


class SimClr(PretrainingMethod):
    """A backbone with a projector, trained to tell the images of a batch apart.

    Each resolution group goes through the backbone on its own, and all views through the projector
    together. Negatives come from the batch of all processes, or from groups of it. With
    accumulation they come from one micro-batch.

    Args:
        backbone: What is trained and kept.
        table: Settings of the method.

    Source:
        Chen et al. 2020, arXiv:2002.05709; variants of S3L and of Cole et al. 2022 by the table.
    """

    def __init__(self, backbone: Backbone, table: SimClrTable) -> None:
        super().__init__()
        self.table: SimClrTable = table
        self.backbone = backbone
        self.projector = projection_head(backbone.feature_dim, table.projector)

    def forward(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        """Compute the loss.

        Args:
            views: Groups ``(V, B, 3, H, W)``, the global one first.
            labels: Not used.
            clock: Not used.
        """
        table = self.table
        global_views, batch = views[0].shape[:2]
        features = torch.cat([self.backbone(group.flatten(0, 1)) for group in views])
        projections = self.projector(features).view(-1, batch, table.projector.out_dim)
        everywhere = gather_with_gradient(projections.transpose(0, 1)).transpose(0, 1)
        groups = everywhere.tensor_split(min(table.negative_groups, everywhere.shape[1]), dim=1)
        contrast = torch.stack([
            nt_xent(
                group, global_views=global_views, temperature=table.temperature, alpha=table.alpha
            )
            for group in groups
        ]).mean()  # fmt: skip
        chance = sum(math.log(2 * group.shape[1] - 1) for group in groups) / len(groups)
        log = {
            "nt_xent": contrast.detach(),
            "positive_similarity": positive_similarity(projections),
            **output_signs(projections[0], projections[1], contrast, chance),
        }
        return Step(form_factor(table.form, table.temperature) * contrast, log)

    def hidden_part(self) -> nn.Sequential:
        """Return the projector's hidden layers; not a copy."""
        return hidden_part(self.projector)

    def after_step(self, clock: Clock) -> None:
        """Do nothing: no network follows this one."""
