"""SwAV: views of an image predict each other's cluster assignments."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize

from edgessl.backbones import Backbone
from edgessl.distributed.collectives import gather, own_part
from edgessl.heads.hidden import hidden_part
from edgessl.heads.projection import projection_head
from edgessl.losses.precision import at_least_fp32, no_autocast
from edgessl.losses.sinkhorn import sinkhorn
from edgessl.losses.swav import swav_loss
from edgessl.methods.method import PretrainingMethod, Step
from edgessl.methods.signs import prototype_signs, winners
from edgessl.methods.spread import spread_loss
from edgessl.methods.step_rows import StepRows
from edgessl.recipe.method_tables.swav import SwavTable
from edgessl.schedules import Clock


class Swav(PretrainingMethod):
    """One network, its prototypes, and a queue of projections for small batches.

    The first group of views is the global one, whose views are assigned to prototypes. Each
    resolution group goes through the backbone on its own, so BN statistics are separate; the head
    sees all views together. Assignments are made over the batch of all processes, one global view
    at a time; with micro-batches, over one of them.

    Args:
        backbone: What is trained and kept.
        table: Settings of the method.

    Source:
        Caron et al. 2020, arXiv:2006.09882; multi-crop, alpha and start values as in SSLight
        (ICLR 2023).
    """

    def __init__(self, backbone: Backbone, table: SwavTable) -> None:
        super().__init__()
        self.table: SwavTable = table
        self.backbone = backbone
        self.head = projection_head(backbone.feature_dim, table.projector)
        last = nn.Linear(table.projector.out_dim, table.prototypes, bias=False)
        self.prototypes = nn.Parameter(last.weight)
        if table.reinitialise:
            _reinitialise(nn.ModuleList([backbone, self.head, last]))
        self.register_buffer("queue", torch.zeros(2, table.queue, table.projector.out_dim))
        self._projections = StepRows()

    def forward(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        """Compute the loss.

        Args:
            views: Groups ``(V, B, 3, H, W)``, the global one first; with a queue, it holds
                two views.
            labels: Not used.
            clock: Says whether the queue fills, and whether the prototypes are frozen.
        """
        table, prototypes = self.table, self.prototypes
        global_views, batch = views[0].shape[:2]
        with torch.no_grad():
            prototypes.copy_(normalize(prototypes, dim=1))
        features = torch.cat([self.backbone(group.flatten(0, 1)) for group in views])
        projections = normalize(at_least_fp32(self.head(features)), dim=1)
        with no_autocast(features):  # a bf16 score is off by 0.4 %
            scores = linear(projections, prototypes).view(-1, batch, table.prototypes)
            each_view = projections[: global_views * batch].view(global_views, batch, -1)
            assignments = self._assignments(each_view, clock)
        swapped = swav_loss(
            assignments, scores, temperature=table.temperature, alpha=table.alpha
        )
        loss = swapped
        if table.spread_weight > 0:
            loss = loss + table.spread_weight * spread_loss(each_view)
        frozen = clock.step < table.freeze_prototypes(clock)
        log = {
            "swav_loss": swapped.detach(),
            **prototype_signs(each_view[0], each_view[1], swapped, assignments),
        }
        return Step(loss, log, (prototypes,) if frozen else (), winners(assignments))

    @torch.no_grad()
    def _assignments(self, projections: Tensor, clock: Clock) -> Tensor:
        """Assign global views among those of all processes; note all for the queue.

        Args:
            projections: Of the global views, ``(G, B, P)``.
            clock: Says whether the queue fills.

        Returns:
            ``(G, B, K)``.
        """
        everywhere = gather(projections.transpose(0, 1)).transpose(0, 1)
        fills = clock.step >= self.table.queue_start(clock)
        rows = self.table.queue - self.table.queue % everywhere.shape[1]
        if not fills or not rows:
            return torch.stack([self._assignment(view, view[:0]) for view in everywhere])
        self._projections.add(clock, everywhere.transpose(0, 1))
        queue = cast(Tensor, self.queue)[:, :rows]
        return torch.stack([
            self._assignment(view, earlier)
            for view, earlier in zip(everywhere, queue, strict=True)
        ])  # fmt: skip

    def _assignment(self, view: Tensor, queue: Tensor) -> Tensor:
        """Assign one view together with the queue, if that is full.

        Args:
            view: Projections of all processes, ``(processes * B, P)``.
            queue: Earlier ones, ``(N, P)``.

        Returns:
            Assignments of this process's images, ``(B, K)``.
        """
        table, prototypes = self.table, self.prototypes
        scores = linear(view, prototypes)
        alone = sinkhorn(scores, epsilon=table.epsilon, iterations=table.sinkhorn_iterations)
        if not len(queue):
            return own_part(alone)
        scores = torch.cat([scores, linear(queue, prototypes)])
        together = sinkhorn(scores, epsilon=table.epsilon, iterations=table.sinkhorn_iterations)
        # A Python condition would wait for the GPU at every step, and this costs little.
        return own_part(torch.where(queue[-1].any(), together[: len(view)], alone))

    def hidden_part(self) -> nn.Sequential:
        """Return the head's hidden layers; not a copy."""
        return hidden_part(self.head)

    @torch.no_grad()
    def after_step(self, clock: Clock) -> None:
        """Put the step's projections into the queue, before the older ones."""
        rows = self._projections.take()
        if rows is not None:
            queue = cast(Tensor, self.queue)
            longer = torch.cat([rows.transpose(0, 1).to(queue.dtype), queue], dim=1)
            queue.copy_(longer[:, : queue.shape[1]])


def _reinitialise(network: nn.Module) -> None:
    """Draw all weights anew, as SSLight's SwAV does."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.ones_(module.weight)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
