"""What a recipe may say about SwAV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgessl.recipe.duration import Percent, StageLength, check_one_unit, duration_steps
from edgessl.recipe.method_tables.projection import NonNegative, Positive, Projection, Share
from edgessl.recipe.method_tables.table import (
    HiddenLayers,
    MethodTable,
    some_spread,
    usual_temperature,
)
from edgessl.recipe.view_tables import ViewGroup


class SwavTable(MethodTable):
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
    prototypes: Annotated[int, Field(ge=2, le=1_000_000)] = 3000
    temperature: Positive = 0.1
    epsilon: Positive = 0.05
    sinkhorn_iterations: Annotated[int, Field(ge=1, le=10_000)] = 3
    queue: Annotated[int, Field(ge=0, le=10_000_000)] = 0
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
    def _check(self) -> SwavTable:
        check_one_unit(self, "queue_start")
        check_one_unit(self, "freeze_prototypes")
        return self

    def queue_start(self, clock: StageLength) -> int:
        """Steps before the queue begins to fill."""
        return duration_steps(self, "queue_start", clock)

    def freeze_prototypes(self, clock: StageLength) -> int:
        """Steps during which the prototypes are frozen."""
        return duration_steps(self, "freeze_prototypes", clock)

    def hidden_layers(self, feature_dim: int) -> HiddenLayers:
        """Return the projector's."""
        return self.projector.hidden_layers(feature_dim)

    def mistakes(self, views: Sequence[ViewGroup], images: int) -> Iterator[str]:
        """Say why the queue does not fit the views or the batch."""
        if self.queue and views[0].count != 2:
            yield (
                "views.0.count must be 2, because method.queue holds two views of an image, got "
                f"{views[0].count}"
            )
        if 0 < self.queue < images:
            yield (
                f"method.queue must hold at least the {images} images of a micro-batch, or be "
                f"0 for no queue, got {self.queue}"
            )

    def advice(self, word: str) -> list[str]:
        """Say what to change: uniform assignments are too soft."""
        return self._sharper() if word == "uniform" else self._more_even()

    def _sharper(self) -> list[str]:
        found = []
        if self.epsilon > 0.05:
            found.append(f"a lower method.epsilon (now {self.epsilon:g}; 0.05 or 0.03)")
        found += [*usual_temperature(self.temperature, 0.1), *some_spread(self.spread_weight)]
        fewer = f"fewer method.prototypes (now {self.prototypes})"
        return [*found, fewer, *self._frozen_at_first()]

    def _more_even(self) -> list[str]:
        found = []
        if self.sinkhorn_iterations < 3:
            found.append(f"method.sinkhorn_iterations = 3 (now {self.sinkhorn_iterations})")
        fewer = f"fewer method.prototypes (now {self.prototypes})"
        return [*found, *self._frozen_at_first(), fewer]

    def _frozen_at_first(self) -> list[str]:
        given = (self.freeze_prototypes_epochs, self.freeze_prototypes_steps,
                 self.freeze_prototypes_percent)  # fmt: skip
        return [] if any(given) else ["method.freeze_prototypes_percent = 5"]

    def refuses_start(self) -> str:
        """Say that weights that are drawn anew make no use of given ones."""
        if not self.reinitialise:
            return ""
        return (
            "method.reinitialise draws all weights anew; or pass --set method.reinitialise=false"
        )
