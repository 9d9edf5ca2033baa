"""Cross-resolution training: see in a small image what the start sees in the large one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, interpolate, normalize

from edgessl.backbones import Backbone
from edgessl.distributed.collectives import mean_over_processes
from edgessl.losses.precision import at_least_fp32
from edgessl.methods.ema import teacher_of
from edgessl.methods.method import PretrainingMethod, Step
from edgessl.recipe.method_tables.cross_resolution import CrossResolutionTable
from edgessl.schedules import Clock

_CENTRE_MOMENTUM = 0.99


class CrossResolution(PretrainingMethod):
    """A network that learns to have its own features of large images when it sees small ones.

    The teacher is the start itself, as given, and never moves: no other network takes part. It sees
    each view at full size, the student the same view ``ratio`` times smaller. General weights were
    trained on larger images than a small device looks at; this closes the gap on unlabelled images.

    Args:
        backbone: The student, with the weights of the start; it is kept.
        table: Settings of the method.

    Source:
        ``bench/LOG.md``, "Cross-resolution". The train-test gap of sizes is Touvron et al. 2019's
        (FixRes), arXiv:1906.06423.
    """

    centre: Tensor
    steps: Tensor

    def __init__(self, backbone: Backbone, table: CrossResolutionTable) -> None:
        super().__init__()
        self.table: CrossResolutionTable = table
        self.backbone = backbone
        self.teacher_backbone = teacher_of(backbone)
        self.register_buffer("centre", torch.zeros(backbone.feature_dim))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def train(self, mode: bool = True) -> CrossResolution:
        """Switch to training mode; the teacher stays in evaluation mode, as do frozen BN layers."""
        super().train(mode)
        self.teacher_backbone.eval()
        if self.table.freeze_batchnorm:
            for module in self.backbone.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def forward(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        """Compute the loss.

        Args:
            views: Groups ``(V, B, 3, H, W)`` at full size.
            labels: Not used.
            clock: Not used.
        """
        groups = [group.flatten(0, 1) for group in views]
        with torch.no_grad():
            targets = torch.cat([self.teacher_backbone(group) for group in groups])
            targets = normalize(at_least_fp32(targets), dim=-1)
            self._follow(targets)
        features = torch.cat([self.backbone(self._smaller(group)) for group in groups])
        features = normalize(at_least_fp32(features), dim=-1)
        alike = cosine_similarity(features, targets, dim=-1)
        found = alike
        if self.table.centre:
            found = cosine_similarity(features - self.centre, targets - self.centre, dim=-1)
        loss = (1.0 - found).mean()
        return Step(loss, {"similarity_to_start": alike.detach().mean()})

    def _smaller(self, views: Tensor) -> Tensor:
        """Shrink views ``(N, 3, H, W)`` by the ratio."""
        side = self.table.small_px(views.shape[-1])
        small = interpolate(
            views, size=(side, side), mode="bilinear", antialias=True, align_corners=False
        )
        channels_last = views.is_contiguous(memory_format=torch.channels_last)
        return small.contiguous(
            memory_format=torch.channels_last if channels_last else torch.contiguous_format
        )

    def _follow(self, targets: Tensor) -> None:
        """Take the mean of normalised targets ``(N, D)`` into the centre."""
        if not self.training:
            return
        mean = mean_over_processes(targets.mean(dim=0))
        # The mean of all steps at first, so that the first batch is not remembered for long.
        share = (1.0 / (self.steps + 1.0)).clamp(min=1.0 - _CENTRE_MOMENTUM)
        self.centre.lerp_(mean.to(self.centre.dtype), share.to(self.centre.dtype))
        self.steps += 1

    def hidden_part(self) -> nn.Sequential:
        """Return nothing: features are compared as they are."""
        return nn.Sequential()

    def after_step(self, clock: Clock) -> None:
        """Do nothing: the teacher stands still."""
