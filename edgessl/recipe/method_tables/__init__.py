"""What a recipe may say about a method. The key ``name`` decides which table applies."""

from typing import Annotated, get_args

from pydantic import Field

from edgessl.recipe.method_tables.byol import Byol
from edgessl.recipe.method_tables.dino import Dino
from edgessl.recipe.method_tables.moco import Moco
from edgessl.recipe.method_tables.simclr import SimClr
from edgessl.recipe.method_tables.swav import Swav
from edgessl.schema import Table

MethodTable = Annotated[Byol | Dino | Moco | SimClr | Swav, Field(discriminator="name")]

_TABLES: tuple[type[Table], ...] = get_args(get_args(MethodTable)[0])
METHODS = tuple(sorted(get_args(table.model_fields["name"].annotation)[0] for table in _TABLES))
"""What ``name`` may be."""

__all__ = ["METHODS", "Byol", "Dino", "MethodTable", "Moco", "SimClr", "Swav"]
