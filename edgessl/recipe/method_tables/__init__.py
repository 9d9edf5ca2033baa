"""What a recipe may say about a method. The key ``name`` decides which table applies."""

from edgessl.recipe.method_tables.dino import Dino

MethodTable = Dino

__all__ = ["Dino", "MethodTable"]
