"""Kinds of numbers in tables of methods, and the projector that four of them share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgessl.recipe.method_tables.table import HiddenLayers
from edgessl.schema import Table

Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Width = Annotated[int, Field(ge=1, le=65_536)]


class Projection(Table):
    """A small network of linear layers, with ReLU after each but the last.

    Attributes:
        hidden_dims: Widths of the hidden layers; empty for a single linear layer.
        hidden_factors: The same as multiples of the input width, in place of ``hidden_dims``.
        out_dim: Width ``P`` of the projection.
        batch_norm: BN after every hidden layer, before its ReLU.
        last_batch_norm: BN after the last layer: none, with a scale only, or with scale and shift.
        hidden_bias: Whether hidden layers have a bias.
        last_bias: Whether the last layer has one.
        dropout: Share of the last layer's inputs that is dropped.
        init_std: Weights start normal with this deviation and biases at 0; left out: as PyTorch
            starts linear layers.
        last_init_std: The same for the last layer alone; left out or 0: as the others.
    """

    hidden_dims: tuple[Width, ...] | None = None
    hidden_factors: tuple[Positive, ...] | None = None
    out_dim: Width = 128
    batch_norm: bool = False
    last_batch_norm: Literal["none", "scale", "scale_and_shift"] = "none"
    hidden_bias: bool = True
    last_bias: bool = True
    dropout: Share = 0.0
    init_std: Positive | None = None
    last_init_std: NonNegative | None = None

    @model_validator(mode="after")
    def _check(self) -> Projection:
        if (self.hidden_dims is None) == (self.hidden_factors is None):
            found = "nothing" if self.hidden_dims is None else "both"
            raise ValueError(f"one of hidden_dims and hidden_factors must be given, found {found}")
        return self

    def widths(self, in_dim: int) -> tuple[int, ...]:
        """Return the widths of the hidden layers behind an input of ``in_dim``."""
        if self.hidden_dims is not None:
            return self.hidden_dims
        return tuple(max(1, round(factor * in_dim)) for factor in self.hidden_factors or ())

    def hidden_layers(self, in_dim: int) -> HiddenLayers:
        """Return the hidden layers behind an input of ``in_dim``."""
        return HiddenLayers(self.widths(in_dim), self.batch_norm, self.hidden_bias)
