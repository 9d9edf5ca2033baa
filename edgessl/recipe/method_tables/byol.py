"""What a recipe may say about BYOL."""

from __future__ import annotations

from typing import Literal

from edgessl.recipe.method_tables.hidden import HiddenLayers
from edgessl.recipe.method_tables.projection import NonNegative, Projection, Share
from edgessl.recipe.method_tables.suggestions import moving_teacher
from edgessl.recipe.method_tables.table import MethodTable


class ByolTable(MethodTable):
    """BYOL.

    Attributes:
        projector: Head of student and teacher.
        predictor: Head of the student alone, behind its projector.
        teacher_momentum: EMA momentum at the start and at the end, along a cosine; the first step
            has moved already.
        views_together: Views of one resolution go through the backbones in one batch, and all
            through the heads, so they share BN statistics, as in SSLight's methods. Otherwise each
            view goes on its own, as in BYOL's papers.
        alpha: Weight of global-global pairs; the rest weighs global-local pairs.
        spread_weight: Weight of the uniformity loss on the projections of each global view; no
            paper has it, factory recipes do.
    """

    name: Literal["byol"]
    projector: Projection = Projection(hidden_dims=(4096,), batch_norm=True, out_dim=256)
    predictor: Projection = Projection(hidden_dims=(4096,), batch_norm=True, out_dim=256)
    teacher_momentum: tuple[Share, Share] = (0.99, 1.0)
    views_together: bool = False
    alpha: Share = 0.4
    spread_weight: NonNegative = 0.0

    def hidden_layers(self, feature_dim: int) -> HiddenLayers:
        """Return the projector's."""
        return self.projector.hidden_layers(feature_dim)

    def advice(self, word: str) -> list[str]:
        """Say what to change: BN in both heads keeps outputs apart."""
        found = []
        if not self.projector.batch_norm:
            found.append("method.projector.batch_norm = true")
        if not self.predictor.batch_norm:
            found.append("method.predictor.batch_norm = true")
        momentum = self.teacher_momentum
        if momentum[0] < 0.9:
            found.append(f"method.teacher_momentum = [0.99, 1.0] (now {list(momentum)})")
        return [*found, *moving_teacher(momentum)]
