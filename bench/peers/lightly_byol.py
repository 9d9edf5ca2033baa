"""lightly's BYOL as its documentation writes it: docs.lightly.ai/examples/byol.html."""

from __future__ import annotations

import copy

from lightly.loss import NegativeCosineSimilarity
from lightly.models.modules import BYOLPredictionHead, BYOLProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from lightly.transforms.byol_transform import (
    BYOLTransform,
    BYOLView1Transform,
    BYOLView2Transform,
)
from lightly.utils.scheduler import cosine_schedule
from lightly_network import network_of
from torch import Tensor, nn
from work import BYOL_HIDDEN, BYOL_PROJECTION, EPOCHS, TEACHER_MOMENTUM, Work


class Byol(nn.Module):
    """Student with a predictor, and teacher; one forward a view.

    Args:
        work: Names the network, and says how large its views are.
    """

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.transform = BYOLTransform(
            view_1_transform=BYOLView1Transform(input_size=work.global_px),
            view_2_transform=BYOLView2Transform(input_size=work.global_px),
        )
        self.backbone, width = network_of(work)
        self.projection_head = BYOLProjectionHead(width, BYOL_HIDDEN, BYOL_PROJECTION)
        self.prediction_head = BYOLPredictionHead(BYOL_PROJECTION, BYOL_HIDDEN, BYOL_PROJECTION)
        self.backbone_momentum = copy.deepcopy(self.backbone)
        self.projection_head_momentum = copy.deepcopy(self.projection_head)
        deactivate_requires_grad(self.backbone_momentum)
        deactivate_requires_grad(self.projection_head_momentum)
        self.criterion = NegativeCosineSimilarity()

    def before_step(self, epoch: int) -> None:
        """Move the teacher."""
        momentum = cosine_schedule(epoch, EPOCHS, TEACHER_MOMENTUM, 1)
        update_momentum(self.backbone, self.backbone_momentum, m=momentum)
        update_momentum(self.projection_head, self.projection_head_momentum, m=momentum)

    def forward(self, views: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return predictions and the teacher's projections of each view, ``(B, P)``."""
        return [self._predict(view) for view in views], [self._target(view) for view in views]

    def loss(self, predictions: list[Tensor], targets: list[Tensor], epoch: int) -> Tensor:
        """Return the loss of what ``forward`` gave."""
        loss: Tensor = 0.5 * (
            self.criterion(predictions[0], targets[1]) + self.criterion(predictions[1], targets[0])
        )
        return loss

    def before_update(self, epoch: int) -> None:
        """Do nothing."""

    def _predict(self, images: Tensor) -> Tensor:
        projections = self.projection_head(self.backbone(images).flatten(start_dim=1))
        predictions: Tensor = self.prediction_head(projections)
        return predictions

    def _target(self, images: Tensor) -> Tensor:
        features = self.backbone_momentum(images).flatten(start_dim=1)
        targets: Tensor = self.projection_head_momentum(features).detach()
        return targets
