"""What a recipe may say about SimCLR."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgessl.recipe.method_tables.hidden import HiddenLayers
from edgessl.recipe.method_tables.projection import Positive, Projection, Share
from edgessl.recipe.method_tables.suggestions import usual_temperature
from edgessl.recipe.method_tables.table import MethodTable


class SimClrTable(MethodTable):
    """SimCLR.

    Attributes:
        projector: The head.
        temperature: Softmax temperature.
        form: Which multiple of NT-Xent is minimised: the paper's ``"mean"`` over all anchors; the
            ``"sum"`` over both directions of its code and of Cole et al.; ``"supcon"``, S3L's,
            which is the mean times ``temperature`` / 0.07.
        negative_groups: Equal contiguous groups of the batch, each image's negatives being those of
            its own (S3L: one a GPU).
        alpha: Weight of global-global pairs; the rest weighs global-local pairs.
    """

    name: Literal["simclr"]
    projector: Projection = Projection(hidden_factors=(1.0,))
    temperature: Positive = 0.1
    form: Literal["mean", "sum", "supcon"] = "mean"
    negative_groups: Annotated[int, Field(ge=1)] = 1
    alpha: Share = 0.4

    def hidden_layers(self, feature_dim: int) -> HiddenLayers:
        """Return the projector's."""
        return self.projector.hidden_layers(feature_dim)

    def batch_parts(self) -> dict[str, int]:
        """Return the groups of negatives."""
        return {"negative_groups": self.negative_groups}

    def advice(self, word: str) -> list[str]:
        """Say what to change."""
        return [*usual_temperature(self.temperature, 0.1), "a larger pretrain.batch_size"]
