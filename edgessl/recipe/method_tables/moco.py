"""What a recipe may say about MoCo."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgessl.recipe.method_tables.projection import NonNegative, Positive, Projection, Share
from edgessl.recipe.method_tables.table import (
    HiddenLayers,
    MethodTable,
    moving_teacher,
    some_spread,
    usual_temperature,
)


class MocoTable(MethodTable):
    """MoCo v1, v2, v2+ and symmetric v2+, with two views or more.

    Which is which (a projector without hidden layers is v1's):

    - v2: the defaults, ``shuffle = true`` and BN groups; with local views it is SSLight's.
    - v2+: ``keys = "both"``, a ``predictor``, a momentum that rises to 1.
    - symmetric v2+: the same with ``teacher_predictor = true``.

    Attributes:
        projector: The head.
        predictor: A further head of the student, behind the projector; none if left out.
        teacher_predictor: The teacher has a predictor too.
        temperature: Of the contrast.
        queue: Keys of earlier images that each query is compared with, ``N``.
        teacher_momentum: EMA momentum at the start and at the end, along a cosine.
        keys: Which global views the teacher turns into keys: the first one, compared with all
            other views, or each in turn, and then the losses are summed.
        coin_groups: Where each global view has keys, those of one enter the queue, a coin for each
            of so many equal contiguous groups of the batch (AIRL: one a GPU).
        views_together: Views of one resolution go through the backbones in one batch, and all
            through the heads, so they share BN statistics. Otherwise each view goes on its own, as
            in AIRL.
        shuffle: Shuffle the batch for the teacher, so that its BN groups are not the student's.
        alpha: Weight of global queries; the rest weighs local ones.
        spread_weight: Weight of the uniformity loss on each global query; no paper has it, factory
            recipes do.
    """

    name: Literal["moco"]
    projector: Projection = Projection(hidden_dims=(2048,))
    predictor: Projection | None = None
    teacher_predictor: bool = False
    temperature: Positive = 0.2
    queue: Annotated[int, Field(ge=1, le=10_000_000)] = 65536
    teacher_momentum: tuple[Share, Share] = (0.999, 0.999)
    keys: Literal["first", "both"] = "first"
    coin_groups: Annotated[int, Field(ge=1)] = 1
    views_together: bool = True
    shuffle: bool = False
    alpha: Share = 0.4
    spread_weight: NonNegative = 0.0

    @model_validator(mode="after")
    def _check(self) -> MocoTable:
        if self.predictor is None and self.teacher_predictor:
            raise ValueError("teacher_predictor must be false, because there is no predictor")
        if self.predictor is not None and self.predictor.out_dim != self.projector.out_dim:
            raise ValueError(
                f"predictor.out_dim must be projector.out_dim ({self.projector.out_dim}), "
                f"got {self.predictor.out_dim}"
            )
        return self

    def hidden_layers(self, feature_dim: int) -> HiddenLayers:
        """Return the projector's."""
        return self.projector.hidden_layers(feature_dim)

    def advice(self, word: str) -> list[str]:
        """Say what to change."""
        return [
            *usual_temperature(self.temperature, 0.2),
            *moving_teacher(self.teacher_momentum),
            *some_spread(self.spread_weight),
        ]
