"""The recipe's table of scoring: what a run is scored by, and so whether it fine-tunes at all."""

from __future__ import annotations

from typing import Literal

from edgessl.schema import Table

ScoredBy = Literal["knn", "linear", "finetune", "pixels", "random"]
"""What a run may be scored by."""


class EvaluateTable(Table):
    """What a run scores on ``test``.

    Attributes:
        protocols: Of ``"finetune"``, without which a run pretrains only and keeps the backbone;
            ``"knn"`` and ``"linear"`` on its features; ``"pixels"``, neighbours of raw pixels, and
            ``"random"``, features of a random network, as what they have to beat. The order does
            not matter; none at all is pretraining alone.
    """

    protocols: tuple[ScoredBy, ...] = ("finetune", "knn", "linear", "pixels", "random")

    @property
    def finetunes(self) -> bool:
        """Whether labels are trained on after pretraining."""
        return "finetune" in self.protocols
