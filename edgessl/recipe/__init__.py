"""What a recipe may say, and how it is read."""

from edgessl.recipe.load import load_recipe, to_toml, variants_of
from edgessl.recipe.tables import Recipe

__all__ = ["Recipe", "load_recipe", "to_toml", "variants_of"]
