"""What a method's table answers for itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from edgessl.recipe.view_tables import ViewGroup
from edgessl.schema import Table, validate


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
        """Return the layers that plain values describe.

        Raises:
            UserError: They describe none.
        """
        table = validate(HiddenTable, values, "hidden layers")
        return cls(table.widths, table.batch_norm, table.bias, table.activation)


class HiddenTable(Table):
    """Plain values of hidden layers, as a checkpoint has them.

    Attributes:
        widths: Outputs of each layer.
        batch_norm: BN behind every linear layer.
        bias: Whether the linear layers have one.
        activation: Behind it.
    """

    widths: tuple[Annotated[int, Field(ge=1, le=65_536)], ...]
    batch_norm: bool = False
    bias: bool = True
    activation: Literal["gelu", "relu"] = "relu"


class MethodTable(Table):
    """What a recipe says about its method.

    Each method's table adds its keys, and answers ``hidden_layers``; the other answers are those of
    a method that fits any recipe.

    Attributes:
        name: The method's; each table narrows it to its own.
    """

    name: str

    @abstractmethod
    def hidden_layers(self, feature_dim: int) -> HiddenLayers:
        """Return the hidden layers of the student's head, which fine-tuning may keep.

        Args:
            feature_dim: Width ``D`` of the features.
        """
        raise NotImplementedError

    def learns_labels(self) -> bool:
        """Say whether it learns from labels, which only some images have."""
        return False

    def fewest_views(self) -> int:
        """Return how many views of the first group it needs: most compare two."""
        return 2

    def batch_parts(self) -> Mapping[str, int]:
        """Return the keys that cut a micro-batch into equal parts of at least 2 images."""
        return {}

    def mistakes(self, views: Sequence[ViewGroup], images: int) -> Iterator[str]:
        """Say what of a recipe does not fit the method, a sentence each.

        Args:
            views: Groups of views, the global one first.
            images: In a micro-batch, of each stage in turn.
        """
        yield from ()

    def advice(self, word: str) -> list[str]:
        """Say what to change in the table when outputs collapse, the likeliest first.

        Args:
            word: How: a key of ``train.health.advice.MEANINGS``.
        """
        return []

    def may_collapse(self) -> bool:
        """Say whether outputs may become the same for all images, so that a doctor must watch."""
        return not self.learns_labels()

    def keeps_batchnorm(self) -> bool:
        """Say whether BN statistics of the start stay, so that recomputing them would lose them."""
        return False

    def needs_start(self) -> str:
        """Say why the method cannot begin from random weights; empty if it can."""
        return ""

    def refuses_start(self) -> str:
        """Say why the method cannot begin from given weights, and the way out; empty if it can."""
        return ""


def usual_temperature(now: float, usual: float) -> list[str]:
    """Suggest the usual temperature, if it is far from it."""
    if usual / 2 <= now <= 2 * usual:
        return []
    return [f"method.temperature = {usual:g} (now {now:g})"]


def moving_teacher(now: tuple[float, float]) -> list[str]:
    """Suggest a teacher that moves, if its momentum says that it does not."""
    if now[0] < 1.0:
        return []
    return [f"a lower method.teacher_momentum (now {list(now)}; the teacher never moves)"]


def some_spread(now: float) -> list[str]:
    """Suggest the uniformity loss, if there is none."""
    return [] if now else ["method.spread_weight = 0.5"]
