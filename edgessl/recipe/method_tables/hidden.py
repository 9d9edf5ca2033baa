"""The hidden layers of a pretraining head, as a method's table describes them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal


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
