"""The hidden layers of a pretraining head, on their way from pretraining to fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from edgessl.backbones import Backbone, Classifier
from edgessl.backbones.deploy_table import refuse_no_tensors
from edgessl.errors import UserError
from edgessl.methods.method import PretrainingMethod
from edgessl.recipe import Recipe
from edgessl.recipe.method_tables.table import HiddenLayers

KEY = "pretraining_head"
"""Of the head in ``pretrained.pt``."""


@dataclass(frozen=True, slots=True)
class KeptHead:
    """Hidden layers of a head.

    Attributes:
        table: What they are.
        weights: Their tensors, by the keys of ``backbones.readout.build_hidden``.
    """

    table: HiddenLayers
    weights: dict[str, Tensor]

    def to_dict(self) -> dict[str, Any]:
        """Return tensors and plain values, for a checkpoint."""
        return {"layers": self.table.to_dict(), "weights": self.weights}

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> KeptHead | None:
        """Return the head in a checkpoint; None if it has none.

        Raises:
            UserError: It holds something else there.
        """
        if KEY not in payload:
            return None
        values = payload[KEY]
        if not isinstance(values, dict) or not isinstance(values.get("layers"), dict):
            raise UserError(
                f"{KEY}: must have layers and weights, got something else; "
                "pass the pretrained.pt that a run of edgessl wrote"
            )
        refuse_no_tensors(values.get("weights"), KEY)
        return cls(HiddenLayers.from_dict(values["layers"]), values["weights"])


def head_of(method: PretrainingMethod) -> KeptHead:
    """Return the hidden layers of a method's head, on the CPU.

    Args:
        method: After pretraining.
    """
    weights = method.hidden_part().state_dict()
    return KeptHead(
        method.table.hidden_layers(method.backbone.feature_dim),
        {key: value.detach().cpu().clone() for key, value in weights.items()},
    )


def wanted_layers(recipe: Recipe, backbone: Backbone) -> HiddenLayers:
    """Return the hidden layers that fine-tuning keeps by a recipe; none by most.

    Args:
        recipe: Says how many of its method's.
        backbone: What they read.
    """
    count = recipe.finetune.head_layers
    return recipe.method.hidden_layers(backbone.feature_dim).first(count)


def check_head(head: KeptHead | None, wanted: HiddenLayers, where: str) -> None:
    """Refuse a checkpoint without the layers that a recipe keeps.

    Args:
        head: What it holds.
        wanted: What the recipe keeps.
        where: The checkpoint's name.

    Raises:
        UserError: It holds no head, or another one.
    """
    if not wanted.widths:
        return
    if head is None:
        raise UserError(
            f"{where}: must hold the head that it was pretrained with, because the recipe has "
            f"finetune.head_layers = {len(wanted.widths)}, found none; pass the pretrained.pt of a "
            "run, or --set finetune.head_layers=0"
        )
    if head.table.first(len(wanted.widths)) != wanted:
        raise UserError(
            f"{where}: must hold a head as the recipe's for finetune.head_layers = "
            f"{len(wanted.widths)} ({_short(wanted)}), found {_short(head.table)}; pass the recipe "
            "that it was pretrained with, or --set finetune.head_layers=0"
        )


def load_head(classifier: Classifier, head: KeptHead | None, where: str) -> None:
    """Load the layers that a classifier keeps of a head, in place.

    Args:
        classifier: Has as many as fine-tuning keeps.
        head: What the checkpoint holds.
        where: The checkpoint's name.

    Raises:
        UserError: It holds no head, or another one.
    """
    check_head(head, classifier.hidden_table, where)
    if head is not None:
        own = classifier.hidden.state_dict()
        try:
            kept = {key: head.weights[key] for key in own}
            classifier.hidden.load_state_dict(kept, strict=True)
        except (KeyError, RuntimeError) as error:
            raise UserError(
                f"{where}: must hold every tensor of its head ({_short(head.table)}), got others; "
                "pass the pretrained.pt that a run of edgessl wrote"
            ) from error


def _short(table: HiddenLayers) -> str:
    widths = ", ".join(map(str, table.widths)) or "no hidden layers"
    norm = " with BN" if table.batch_norm else ""
    return f"{widths}{norm}, {table.activation.upper()}"
