"""lightly's SimCLR as its documentation writes it: docs.lightly.ai/examples/simclr.html."""

from __future__ import annotations

from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms.simclr_transform import SimCLRTransform
from lightly_network import network_of
from torch import Tensor, nn
from work import CONTRAST_HIDDEN, CONTRAST_PROJECTION, CONTRAST_TEMP, Work


class SimClr(nn.Module):
    """One network; one forward a view.

    Args:
        work: Names the network, and says how large its views are.
    """

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.transform = SimCLRTransform(input_size=work.global_px)
        self.backbone, width = network_of(work)
        self.projection_head = SimCLRProjectionHead(width, CONTRAST_HIDDEN, CONTRAST_PROJECTION)
        self.criterion = NTXentLoss(temperature=CONTRAST_TEMP)

    def before_step(self, epoch: int) -> None:
        """Do nothing."""

    def forward(self, views: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return the projections of each view, ``(B, P)``."""
        first, second = (
            self.projection_head(self.backbone(view).flatten(start_dim=1)) for view in views
        )
        return [first], [second]

    def loss(self, first: list[Tensor], second: list[Tensor], epoch: int) -> Tensor:
        """Return the loss of what ``forward`` gave."""
        loss: Tensor = self.criterion(first[0], second[0])
        return loss

    def before_update(self, epoch: int) -> None:
        """Do nothing."""
