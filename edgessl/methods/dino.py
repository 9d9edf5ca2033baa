"""DINO: self-distillation with no labels, on multi-crop views."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from edgessl.backbones import Backbone
from edgessl.backbones.build_net import without_drop_path
from edgessl.distributed.collectives import gather, mean_over_processes, own_part
from edgessl.heads.dino import DinoHead
from edgessl.heads.hidden import hidden_part
from edgessl.losses.dino import dino_loss, dino_targets
from edgessl.losses.precision import at_least_fp32
from edgessl.losses.sinkhorn import sinkhorn
from edgessl.methods.ema import teacher_of, update_teacher
from edgessl.methods.method import PretrainingMethod, Step
from edgessl.methods.signs import prototype_signs, winners
from edgessl.methods.spread import spread_loss
from edgessl.recipe.method_tables.dino import DinoTable
from edgessl.schedules import Clock, cosine, linear_then_flat


class Dino(PretrainingMethod):
    """Student and momentum teacher, each a backbone with a head.

    The student's backbone is kept. The first group of views is the global one, which the teacher
    sees too. Each resolution group goes through the backbone on its own, so BN statistics are
    separate; the heads see all views together. The centre, Sinkhorn-Knopp and the uniformity loss
    see the batch of all processes; the last two see one micro-batch of it.

    Args:
        backbone: The student's backbone.
        table: Settings of the method.

    Source:
        Caron et al. 2021, arXiv:2104.14294; multi-crop details as in SSLight (ICLR 2023).
    """

    def __init__(self, backbone: Backbone, table: DinoTable) -> None:
        super().__init__()
        self.table: DinoTable = table
        self.backbone = backbone
        self.head = DinoHead(
            backbone.feature_dim,
            table.hidden_dim,
            table.bottleneck_dim,
            table.prototypes,
            batch_norm=table.head_batch_norm,
            train_gain=table.train_gain,
        )
        self.teacher_backbone = teacher_of(backbone)
        without_drop_path(self.teacher_backbone)  # stochastic depth is for the student: DINO's code
        self.teacher_head = teacher_of(self.head)
        self.register_buffer("center", torch.zeros(table.prototypes))
        self._logit_means: list[Tensor] = []  # of the teacher, a micro-batch each
        self._logits_of: Clock | None = None

    def forward(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        """Compute the loss.

        Args:
            views: Groups ``(V, B, 3, H, W)``, the global one first.
            labels: Not used.
            clock: Sets the teacher's temperature and the freeze of the last layer.
        """
        table = self.table
        global_views, batch = views[0].shape[:2]
        features = torch.cat([self.backbone(group.flatten(0, 1)) for group in views])
        embeddings, student = self.head(features)
        targets = self._targets(views[0], clock).view(global_views, batch, -1)
        distillation = dino_loss(
            targets,
            student.view(-1, batch, student.shape[-1]),
            student_temp=table.student_temp,
            alpha=table.alpha,
        )
        loss = distillation
        if table.spread_weight > 0:
            each_view = at_least_fp32(embeddings[: global_views * batch]).view(
                global_views, batch, -1
            )
            loss = loss + table.spread_weight * spread_loss(each_view)
        first, second = embeddings[: 2 * batch].view(2, batch, -1)
        signs = prototype_signs(first, second, distillation, targets)
        log = {"dino_loss": distillation.detach(), **signs}
        frozen = clock.step < table.freeze_last_layer(clock)
        return Step(loss, log, self.head.last_layer() if frozen else (), winners(targets))

    @torch.no_grad()
    def _targets(self, global_views: Tensor, clock: Clock) -> Tensor:
        """Return the teacher's distributions ``(G * B, K)``; note its logits for the centre."""
        table, center = self.table, cast(Tensor, self.center)
        features = self.teacher_backbone(global_views.flatten(0, 1))
        logits = at_least_fp32(self.teacher_head(features)[1])
        temperature = linear_then_flat(
            clock.epoch, table.teacher_temp_warmup(clock), *table.teacher_temp
        )
        if table.centering == "sinkhorn":
            return own_part(sinkhorn(gather(logits), epsilon=temperature))
        if clock != self._logits_of:  # those of a step that was skipped are dropped
            self._logit_means, self._logits_of = [], clock
        self._logit_means.append(logits.mean(dim=0))
        return dino_targets(logits, center, temperature)

    def hidden_part(self) -> nn.Sequential:
        """Return the head's hidden layers; not a copy."""
        return hidden_part(self.head.mlp)

    @torch.no_grad()
    def after_step(self, clock: Clock) -> None:
        """Move the centre, then the teacher towards the student along a cosine of momentum."""
        if self._logit_means:
            mean = mean_over_processes(torch.stack(self._logit_means).mean(dim=0))
            cast(Tensor, self.center).lerp_(mean, 1.0 - self.table.center_momentum)
            self._logit_means.clear()
        momentum = cosine(clock.step, clock.total_steps, *self.table.teacher_momentum)
        update_teacher(self.teacher_backbone, self.backbone, momentum)
        update_teacher(self.teacher_head, self.head, momentum)
