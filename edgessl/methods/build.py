"""From a method's table to the method."""

from __future__ import annotations

from edgessl.backbones import Backbone
from edgessl.methods.dino import Dino
from edgessl.recipe.method_tables import MethodTable

PretrainingMethod = Dino
"""A method that learns without labels; also a ``torch.nn.Module``."""


def build_method(backbone: Backbone, table: MethodTable) -> PretrainingMethod:
    """Build a self-supervised method around a backbone, with random heads.

    Args:
        backbone: What is pretrained and kept.
        table: The method's settings.
    """
    return Dino(backbone, table)
