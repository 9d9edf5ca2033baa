"""lightly's DINO as its documentation writes it: docs.lightly.ai/examples/dino.html."""

from __future__ import annotations

import copy

from lightly.loss import DINOLoss
from lightly.models.modules import DINOProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from lightly.transforms.dino_transform import DINOTransform
from lightly.utils.scheduler import cosine_schedule
from lightly_network import network_of
from torch import Tensor, nn
from work import (
    BOTTLENECK,
    EPOCHS,
    GLOBAL_SCALE,
    HIDDEN,
    LOCAL_SCALE,
    LOCAL_VIEWS,
    PROTOTYPES,
    TEACHER_MOMENTUM,
    Work,
)


class Dino(nn.Module):
    """Student and teacher; one forward a view.

    Args:
        work: Names the network, and says how large its views are.
    """

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.transform = DINOTransform(
            global_crop_size=work.global_px, global_crop_scale=GLOBAL_SCALE,
            local_crop_size=work.local_px, local_crop_scale=LOCAL_SCALE, n_local_views=LOCAL_VIEWS,
        )  # fmt: skip
        self.student_backbone, width = network_of(work)
        self.student_head = DINOProjectionHead(
            width, HIDDEN, BOTTLENECK, PROTOTYPES, batch_norm=True, freeze_last_layer=1
        )
        self.teacher_backbone = copy.deepcopy(self.student_backbone)
        self.teacher_head = DINOProjectionHead(
            width, HIDDEN, BOTTLENECK, PROTOTYPES, batch_norm=True
        )
        deactivate_requires_grad(self.teacher_backbone)
        deactivate_requires_grad(self.teacher_head)
        self.criterion = DINOLoss(output_dim=PROTOTYPES, warmup_teacher_temp_epochs=5)

    def before_step(self, epoch: int) -> None:
        """Move the teacher."""
        momentum = cosine_schedule(epoch, EPOCHS, TEACHER_MOMENTUM, 1)
        update_momentum(self.student_backbone, self.teacher_backbone, m=momentum)
        update_momentum(self.student_head, self.teacher_head, m=momentum)

    def forward(self, views: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return the teacher's logits of the global views, the student's of all: ``(B, K)``."""
        return [self._teach(view) for view in views[:2]], [self._study(view) for view in views]

    def loss(self, teacher_out: list[Tensor], student_out: list[Tensor], epoch: int) -> Tensor:
        """Return the loss of what ``forward`` gave."""
        loss: Tensor = self.criterion(teacher_out, student_out, epoch=epoch)
        return loss

    def before_update(self, epoch: int) -> None:
        """Keep the last layer as it is in the first epoch."""
        self.student_head.cancel_last_layer_gradients(current_epoch=epoch)

    def _study(self, images: Tensor) -> Tensor:
        logits: Tensor = self.student_head(self.student_backbone(images).flatten(start_dim=1))
        return logits

    def _teach(self, images: Tensor) -> Tensor:
        logits: Tensor = self.teacher_head(self.teacher_backbone(images).flatten(start_dim=1))
        return logits
