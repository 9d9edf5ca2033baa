"""lightly's SwAV as its documentation writes it: docs.lightly.ai/examples/swav.html."""

from __future__ import annotations

from lightly.loss import SwaVLoss
from lightly.models.modules import SwaVProjectionHead, SwaVPrototypes
from lightly.transforms.swav_transform import SwaVTransform
from lightly_network import network_of
from torch import Tensor, nn
from torch.nn.functional import normalize
from work import (
    GLOBAL_SCALE,
    GLOBAL_VIEWS,
    LOCAL_SCALE,
    LOCAL_VIEWS,
    SWAV_HIDDEN,
    SWAV_PROJECTION,
    SWAV_PROTOTYPES,
    Work,
)


class Swav(nn.Module):
    """One network and its prototypes, without a queue; one forward a view.

    Args:
        work: Names the network, and says how large its views are.
    """

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.transform = SwaVTransform(
            crop_sizes=(work.global_px, work.local_px), crop_counts=(GLOBAL_VIEWS, LOCAL_VIEWS),
            crop_min_scales=(GLOBAL_SCALE[0], LOCAL_SCALE[0]),
            crop_max_scales=(GLOBAL_SCALE[1], LOCAL_SCALE[1]),
        )  # fmt: skip
        self.backbone, width = network_of(work)
        self.projection_head = SwaVProjectionHead(width, SWAV_HIDDEN, SWAV_PROJECTION)
        self.prototypes = SwaVPrototypes(SWAV_PROJECTION, SWAV_PROTOTYPES)
        self.criterion = SwaVLoss()

    def before_step(self, epoch: int) -> None:
        """Put the prototypes on the sphere."""
        self.prototypes.normalize()

    def forward(self, views: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return the scores of the global views and of the local ones, ``(B, K)`` each."""
        scores = [self._score(view) for view in views]
        return scores[:GLOBAL_VIEWS], scores[GLOBAL_VIEWS:]

    def loss(self, global_scores: list[Tensor], local_scores: list[Tensor], epoch: int) -> Tensor:
        """Return the loss of what ``forward`` gave."""
        loss: Tensor = self.criterion(global_scores, local_scores)
        return loss

    def before_update(self, epoch: int) -> None:
        """Do nothing."""

    def _score(self, images: Tensor) -> Tensor:
        projections = self.projection_head(self.backbone(images).flatten(start_dim=1))
        scores: Tensor = self.prototypes(normalize(projections, dim=1, p=2))
        return scores
