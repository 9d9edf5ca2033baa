"""lightly's MoCo v2 as its documentation writes it: docs.lightly.ai/examples/moco.html."""

from __future__ import annotations

import copy

from lightly.loss import NTXentLoss
from lightly.models.modules import MoCoProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from lightly.transforms.moco_transform import MoCoV2Transform
from lightly.utils.scheduler import cosine_schedule
from lightly_network import network_of
from torch import Tensor, nn
from work import (
    CONTRAST_HIDDEN,
    CONTRAST_PROJECTION,
    CONTRAST_TEMP,
    EPOCHS,
    MOCO_QUEUE,
    TEACHER_MOMENTUM,
    Work,
)


class Moco(nn.Module):
    """Student and teacher; the queue is in the loss.

    Args:
        work: Names the network, and says how large its views are.
    """

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.transform = MoCoV2Transform(input_size=work.global_px)
        self.backbone, width = network_of(work)
        self.projection_head = MoCoProjectionHead(width, CONTRAST_HIDDEN, CONTRAST_PROJECTION)
        self.backbone_momentum = copy.deepcopy(self.backbone)
        self.projection_head_momentum = copy.deepcopy(self.projection_head)
        deactivate_requires_grad(self.backbone_momentum)
        deactivate_requires_grad(self.projection_head_momentum)
        self.criterion = NTXentLoss(
            temperature=CONTRAST_TEMP, memory_bank_size=(MOCO_QUEUE, CONTRAST_PROJECTION)
        )

    def before_step(self, epoch: int) -> None:
        """Move the teacher."""
        momentum = cosine_schedule(epoch, EPOCHS, TEACHER_MOMENTUM, 1)
        update_momentum(self.backbone, self.backbone_momentum, m=momentum)
        update_momentum(self.projection_head, self.projection_head_momentum, m=momentum)

    def forward(self, views: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return the query of the first view and the key of the second, ``(B, P)`` each."""
        query = self.projection_head(self.backbone(views[0]).flatten(start_dim=1))
        features = self.backbone_momentum(views[1]).flatten(start_dim=1)
        return [query], [self.projection_head_momentum(features).detach()]

    def loss(self, queries: list[Tensor], keys: list[Tensor], epoch: int) -> Tensor:
        """Return the loss of what ``forward`` gave."""
        loss: Tensor = self.criterion(queries[0], keys[0])
        return loss

    def before_update(self, epoch: int) -> None:
        """Do nothing."""
