"""What a recipe may say about BYOL."""

from __future__ import annotations

from typing import Literal

from edgessl.recipe.method_tables.projection import NonNegative, Projection, Share
from edgessl.schema import Table


class Byol(Table):
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
