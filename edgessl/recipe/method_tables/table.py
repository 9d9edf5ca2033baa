"""What every method's table answers for its method, so that nobody else needs to know it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence

from edgessl.recipe.method_tables.hidden import HiddenLayers
from edgessl.recipe.view_tables import ViewGroup
from edgessl.schema import Table


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

    def refuses_start(self) -> str:
        """Say why the method cannot begin from given weights, and the way out; empty if it can."""
        return ""
