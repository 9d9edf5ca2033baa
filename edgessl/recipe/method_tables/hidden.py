"""The hidden layers of a pretraining head, as a recipe's method table describes them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, assert_never

from edgessl.recipe.method_tables.byol import Byol
from edgessl.recipe.method_tables.dino import Dino
from edgessl.recipe.method_tables.moco import Moco
from edgessl.recipe.method_tables.simclr import SimClr
from edgessl.recipe.method_tables.swav import Swav


@dataclass(frozen=True, slots=True)
class HiddenLayers:
    """Linear layers, each with BN where there is some, and an activation.

    Attributes:
        widths: Outputs of each layer.
        batch_norm: BN behind every linear layer.
        bias: Whether the linear layers have one.
        activation: Behind it.
    """

    widths: tuple[int, ...] = ()
    batch_norm: bool = False
    bias: bool = True
    activation: Literal["gelu", "relu"] = "relu"

    def first(self, count: int) -> HiddenLayers:
        """Return the first layers alone."""
        return replace(self, widths=self.widths[:count])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that ``from_dict`` reads."""
        return {**asdict(self), "widths": list(self.widths)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> HiddenLayers:
        """Return the layers that plain values describe."""
        return cls(**{**values, "widths": tuple(values["widths"])})


def hidden_layers(method: Byol | Dino | Moco | SimClr | Swav, in_dim: int) -> HiddenLayers:
    """Return the hidden layers of a method's head: DINO's, or those of the projector.

    Args:
        method: Its table.
        in_dim: Width ``D`` of the features.
    """
    match method:
        case Dino():
            widths = (method.hidden_dim,) * 2
            return HiddenLayers(widths, method.head_batch_norm, activation="gelu")
        case Byol() | Moco() | SimClr() | Swav():
            table = method.projector
            return HiddenLayers(table.widths(in_dim), table.batch_norm, table.hidden_bias)
        case _:
            assert_never(method)
