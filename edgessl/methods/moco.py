"""MoCo: find the key of the same image among the keys of a queue."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from edgessl.backbones import Backbone
from edgessl.distributed.collectives import from_first, gather, own_part, processes
from edgessl.heads.hidden import hidden_part
from edgessl.heads.projection import projection_head
from edgessl.losses.info_nce import contrast_logits, info_nce_loss
from edgessl.losses.precision import at_least_fp32, no_autocast
from edgessl.methods.ema import teacher_of, update_teacher
from edgessl.methods.method import PretrainingMethod, Step
from edgessl.methods.signs import output_signs
from edgessl.methods.spread import spread_loss
from edgessl.methods.step_rows import StepRows
from edgessl.recipe.method_tables.moco import MocoTable
from edgessl.schedules import Clock, cosine


class Moco(PretrainingMethod):
    """Student (the papers' query encoder), momentum teacher (key encoder), and a queue of keys.

    The student's backbone is kept. The first group of views is the global one. Each resolution
    group goes through the backbone on its own, so BN statistics are separate; the heads see all
    views together, unless the table says that every view goes on its own. The queue holds keys of
    all processes. The teacher follows after the step: updating it before the next forward pass, as
    MoCo v2 and SSLight do, gives the same weights.

    Args:
        backbone: The student's backbone.
        table: Settings of the method.

    Source:
        He et al. 2020, arXiv:1911.05722, and Chen et al. 2020 (v2), arXiv:2003.04297; v2+ and
        symmetric v2+: Huang et al., ECCV 2022; multi-crop and alpha: SSLight (ICLR 2023).
    """

    def __init__(self, backbone: Backbone, table: MocoTable) -> None:
        super().__init__()
        self.table: MocoTable = table
        self.backbone = backbone
        width = table.projector.out_dim
        projector = projection_head(backbone.feature_dim, table.projector)
        predictor = [projection_head(width, table.predictor)] if table.predictor else []
        self.head = nn.Sequential(projector, *predictor)
        self.teacher_backbone = teacher_of(backbone)
        self.teacher_head = teacher_of(self.head if table.teacher_predictor else self.head[:1])
        self.register_buffer("queue", normalize(torch.randn(table.queue, width), dim=1))
        self.register_buffer("queue_position", torch.zeros((), dtype=torch.long))
        self._keys = StepRows()

    def forward(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        """Compute the loss.

        Args:
            views: Groups ``(V, B, 3, H, W)``, the global one first.
            labels: Not used.
            clock: Of the step that the keys belong to.
        """
        table, queue = self.table, cast(Tensor, self.queue)
        both = table.keys == "both"
        global_views = len(views[0])
        keys = self._teach(views[0] if both else views[0][:1], clock)  # (G, B, P), or (1, B, P)
        asked = views if both else [views[0][1:], *views[1:]]
        answers = self._encode(self.backbone, self.head, asked)
        queries = normalize(at_least_fp32(answers), dim=1).view(-1, *keys.shape[1:])
        losses, right = [], []
        with no_autocast(queries):  # a bf16 logit is off by 0.4 %
            for number, key in enumerate(keys):
                others = _without(queries, number) if both else queries
                logits = contrast_logits(others, key, queue, temperature=table.temperature)
                losses.append(
                    info_nce_loss(logits, global_queries=global_views - 1, alpha=table.alpha)
                )
                right.append(_right(logits))
        contrast, spread = torch.stack(losses), queries.new_zeros(())
        if table.spread_weight > 0:
            spread = spread_loss(queries[: len(asked[0])])
        log = {
            "moco_loss": contrast.detach().mean(),
            "contrast_top1_percent": 100.0 * torch.stack(right).mean(),
            # The last key is of another global view than the first query, whichever views ask.
            **output_signs(queries[0], keys[-1], contrast.mean(), math.log1p(len(queue))),
        }
        return Step(contrast.sum() + table.spread_weight * spread, log)

    def _encode(self, backbone: nn.Module, head: nn.Module, groups: list[Tensor]) -> Tensor:
        """Return what the head gives for groups of views, view by view, ``(V * B, P)``."""
        passes = [groups]
        if not self.table.views_together:
            passes = [[view[None]] for group in groups for view in group]
        return torch.cat([
            head(torch.cat([backbone(group.flatten(0, 1)) for group in together]))
            for together in passes
        ])  # fmt: skip

    @torch.no_grad()
    def _teach(self, images: Tensor, clock: Clock) -> Tensor:
        """Return the keys of this process's images, and note those of all for the queue.

        Args:
            images: Global views, ``(G, B, 3, H, W)``.
            clock: Of the step.

        Returns:
            ``(G, B, P)``.
        """
        table, total = self.table, processes() * images.shape[1]
        order = from_first(torch.randperm(total)).to(images.device)  # drawn even if of no use, so
        coins = from_first(torch.rand(table.coin_groups)).to(images.device)  # that coins stay
        if table.shuffle:  # across processes, so the images themselves have to travel
            images = _rows(images)[own_part(order)].transpose(0, 1)
        answers = self._encode(self.teacher_backbone, self.teacher_head, [images])
        keys = normalize(at_least_fp32(answers), dim=1)
        everywhere = _rows(keys.view(*images.shape[:2], -1))  # (processes * B, G, P)
        if table.shuffle:
            everywhere = everywhere[order.argsort()]
        row = torch.arange(total, device=images.device)
        heads = coins[row * table.coin_groups // total] < 0.5
        chosen = heads.long() if len(images) > 1 else torch.zeros_like(row)
        self._keys.add(clock, everywhere[row, chosen])
        return own_part(everywhere).transpose(0, 1)

    def hidden_part(self) -> nn.Sequential:
        """Return the projector's hidden layers; not a copy."""
        return hidden_part(cast(nn.Sequential, self.head[0]))

    @torch.no_grad()
    def after_step(self, clock: Clock) -> None:
        """Put the step's keys into the queue in place of the oldest, then move the teacher."""
        keys, queue = self._keys.take(), cast(Tensor, self.queue)
        if keys is not None:
            position, kept = cast(Tensor, self.queue_position), keys[-len(queue) :]
            skipped = len(keys) - len(kept)
            rows = torch.arange(skipped, len(keys), device=queue.device)
            queue.index_copy_(0, (position + rows) % len(queue), kept.to(queue.dtype))
            position.add_(len(keys)).remainder_(len(queue))
        # The k-th update has the momentum of the k-th step, counted from 1 (AIRL's code).
        momentum = cosine(clock.step + 1, clock.total_steps, *self.table.teacher_momentum)
        update_teacher(self.teacher_backbone, self.backbone, momentum)
        student_head = self.head[: len(self.teacher_head)]
        update_teacher(self.teacher_head, student_head, momentum)


def _rows(views: Tensor) -> Tensor:
    """Gather ``(G, B, …)`` from all processes, an image a row: ``(processes * B, G, …)``."""
    return gather(views.transpose(0, 1))


def _without(views: Tensor, number: int) -> Tensor:
    return torch.cat([views[:number], views[number + 1 :]])


@torch.no_grad()
def _right(logits: Tensor) -> Tensor:
    """Return the share of queries that like their key best, by more than rounding.

    Args:
        logits: ``(V, B, 1 + N)``, the positive one first.
    """
    lead = logits[..., 0] - logits[..., 1:].amax(dim=-1)
    return (lead > 1e-4).float().mean()  # after collapse none is in the lead
