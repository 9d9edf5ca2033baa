"""BYOL: bootstrap your own latent."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from edgessl.backbones import Backbone
from edgessl.distributed.collectives import mean_over_processes
from edgessl.heads.hidden import hidden_part
from edgessl.heads.projection import projection_head
from edgessl.losses.byol import byol_loss, chance_loss
from edgessl.losses.precision import at_least_fp32
from edgessl.methods.ema import teacher_of, update_teacher
from edgessl.methods.method import PretrainingMethod, Step
from edgessl.methods.positives import positive_similarity
from edgessl.methods.signs import output_signs
from edgessl.methods.spread import spread_loss
from edgessl.recipe.method_tables.byol import ByolTable
from edgessl.schedules import Clock, cosine


class Byol(PretrainingMethod):
    """A student that predicts its momentum teacher's projection of another view.

    The student's backbone ("online") is kept. The teacher ("target") starts as a copy and sees the
    global views only; it follows after the optimiser's step, in its parameters, and has BN
    statistics of its own.

    Args:
        backbone: The student's backbone.
        table: Settings of the method.

    Source:
        Grill et al. 2020, arXiv:2006.07733; as in S3L and as in AIRL (ECCV 2022) by the table.
    """

    def __init__(self, backbone: Backbone, table: ByolTable) -> None:
        super().__init__()
        self.table: ByolTable = table
        self.backbone = backbone
        self.projector = projection_head(backbone.feature_dim, table.projector)
        self.predictor = projection_head(table.projector.out_dim, table.predictor)
        self.teacher_backbone = teacher_of(backbone)
        self.teacher_projector = teacher_of(self.projector)

    def forward(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        """Compute the loss.

        Args:
            views: Groups ``(V, B, 3, H, W)``, the global one first.
            labels: Not used.
            clock: Not used.
        """
        global_views, batch = views[0].shape[:2]
        outputs = [self._predict(groups) for groups in self._passes(views)]
        projections, predictions = (
            torch.cat(part).view(-1, batch, part[0].shape[-1])
            for part in zip(*outputs, strict=True)
        )
        with torch.no_grad():
            targets = torch.cat([self._target(groups) for groups in self._passes(views[:1])])
        targets = at_least_fp32(targets).view(global_views, batch, -1)
        loss = byol_loss(targets, predictions, alpha=self.table.alpha)
        chance = chance_loss(mean_over_processes(normalize(targets, dim=-1).mean(dim=1)))
        log = {
            "byol_loss": loss.detach(),
            "positive_similarity": positive_similarity(projections),
            **output_signs(projections[0], projections[1], loss, chance),
        }
        if self.table.spread_weight > 0:
            rows = normalize(at_least_fp32(projections[:global_views]), dim=-1)
            loss = loss + self.table.spread_weight * spread_loss(rows)
        return Step(loss, log)

    def _passes(self, views: list[Tensor]) -> list[list[Tensor]]:
        """Split groups of views into what goes through the networks together."""
        if self.table.views_together:
            return [views]
        return [[view[None]] for group in views for view in group]

    def _predict(self, groups: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the student's projections and predictions, ``(V * B, P)`` each."""
        features = torch.cat([self.backbone(group.flatten(0, 1)) for group in groups])
        projections = self.projector(features)
        return projections, self.predictor(projections)

    def _target(self, groups: list[Tensor]) -> Tensor:
        """Return the teacher's projections, ``(V * B, P)``."""
        features = torch.cat([self.teacher_backbone(group.flatten(0, 1)) for group in groups])
        projections: Tensor = self.teacher_projector(features)
        return projections

    def hidden_part(self) -> nn.Sequential:
        """Return the projector's hidden layers; not a copy."""
        return hidden_part(self.projector)

    @torch.no_grad()
    def after_step(self, clock: Clock) -> None:
        """Move the teacher towards the student along a cosine of momentum."""
        done = clock.step + 1  # AIRL counts from 1
        momentum = cosine(done, clock.total_steps, *self.table.teacher_momentum)
        update_teacher(self.teacher_backbone, self.backbone, momentum)
        update_teacher(self.teacher_projector, self.projector, momentum)
