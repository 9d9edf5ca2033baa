"""What a recipe may say about SwAV."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgessl.recipe.duration import Percent, StageLength, check_one_unit, duration_steps
from edgessl.recipe.method_tables.projection import NonNegative, Positive, Projection, Share
from edgessl.schema import Table


class Swav(Table):
    """SwAV.

    Attributes:
        projector: The head; its output is normalised.
        prototypes: Number of prototypes ``K``.
        temperature: Softmax temperature of the predictions.
        epsilon: Temperature of the Sinkhorn-Knopp assignments.
        sinkhorn_iterations: Their rounds.
        queue: Earlier projections that take part in the assignments, for each global view; rounded
            down to a multiple of the batch. 0 for none.
        queue_start_epochs: When the queue begins to fill, or ``_steps`` or ``_percent``. It is
            used from when it is full.
        freeze_prototypes_epochs: How long the prototypes stay as they are, or ``_steps``,
            ``_percent``.
        alpha: Weight of global-global pairs; the rest weighs global-local pairs.
        spread_weight: Weight of the uniformity loss on each global view's projections; no paper has
            it, factory recipes do.
        reinitialise: Draw all weights anew once the network is built, the backbone's too: normal,
            convolutions at Kaiming's deviation (fan-out), linear layers at 0.01 (SSLight).
    """

    name: Literal["swav"]
    projector: Projection = Projection(hidden_dims=(4096,), batch_norm=True)
    prototypes: Annotated[int, Field(ge=2)] = 3000
    temperature: Positive = 0.1
    epsilon: Positive = 0.05
    sinkhorn_iterations: Annotated[int, Field(ge=1)] = 3
    queue: Annotated[int, Field(ge=0)] = 0
    queue_start_epochs: NonNegative | None = None
    queue_start_steps: NonNegative | None = None
    queue_start_percent: Percent | None = None
    freeze_prototypes_epochs: NonNegative | None = None
    freeze_prototypes_steps: NonNegative | None = None
    freeze_prototypes_percent: Percent | None = None
    alpha: Share = 0.4
    spread_weight: NonNegative = 0.0
    reinitialise: bool = False

    @model_validator(mode="after")
    def _check(self) -> Swav:
        check_one_unit(self, "queue_start")
        check_one_unit(self, "freeze_prototypes")
        return self

    def queue_start(self, clock: StageLength) -> int:
        """Steps before the queue begins to fill."""
        return duration_steps(self, "queue_start", clock)

    def freeze_prototypes(self, clock: StageLength) -> int:
        """Steps during which the prototypes are frozen."""
        return duration_steps(self, "freeze_prototypes", clock)
