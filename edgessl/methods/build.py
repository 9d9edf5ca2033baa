"""From a method's table to the method."""

from __future__ import annotations

from typing import assert_never

from edgessl.backbones import Backbone
from edgessl.methods.byol import Byol
from edgessl.methods.dino import Dino
from edgessl.methods.moco import Moco
from edgessl.methods.simclr import SimClr
from edgessl.methods.swav import Swav
from edgessl.recipe.method_tables import Byol as ByolTable
from edgessl.recipe.method_tables import Dino as DinoTable
from edgessl.recipe.method_tables import MethodTable
from edgessl.recipe.method_tables import Moco as MocoTable
from edgessl.recipe.method_tables import SimClr as SimClrTable
from edgessl.recipe.method_tables import Swav as SwavTable

PretrainingMethod = Byol | Dino | Moco | SimClr | Swav
"""A method that learns without labels; also a ``torch.nn.Module``."""


def build_method(backbone: Backbone, table: MethodTable) -> PretrainingMethod:
    """Build a self-supervised method around a backbone, with random heads.

    Args:
        backbone: What is pretrained and kept.
        table: The method's settings.
    """
    match table:
        case ByolTable():
            return Byol(backbone, table)
        case DinoTable():
            return Dino(backbone, table)
        case MocoTable():
            return Moco(backbone, table)
        case SimClrTable():
            return SimClr(backbone, table)
        case SwavTable():
            return Swav(backbone, table)
        case _:
            assert_never(table)
