"""What a recipe may say about a method. The key ``name`` decides which table applies."""

from typing import Annotated

from pydantic import Field

from edgessl.recipe.method_tables.byol import Byol
from edgessl.recipe.method_tables.dino import Dino
from edgessl.recipe.method_tables.moco import Moco
from edgessl.recipe.method_tables.simclr import SimClr
from edgessl.recipe.method_tables.swav import Swav

MethodTable = Annotated[Byol | Dino | Moco | SimClr | Swav, Field(discriminator="name")]

__all__ = ["Byol", "Dino", "MethodTable", "Moco", "SimClr", "Swav"]
