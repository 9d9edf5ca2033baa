"""The recipe that general weights are fine-tuned with, and what it is changed in for them."""

from __future__ import annotations

from timm.models.vision_transformer import VisionTransformer

from edgessl import catalog
from edgessl.errors import UserError
from edgessl.recipe import load_recipe, variants_of
from edgessl.recipe.backbones import BACKBONES, TIMM
from edgessl.start.fit import whole_net
from edgessl.start.run_files import Start
from edgessl.start.source import as_tensorflow_pads

VARIANT = "from-weights"
"""Of factory recipes: settings for a network that others have trained."""
_CNN, _TRANSFORMER = "mobilenetv2-dino", "vit-ti16-dino"


def recipe_for_weights(backbone: str) -> str:
    """Return the factory recipe, with its variant, that fine-tunes weights of others.

    Args:
        backbone: A key of ``BACKBONES``, or ``timm:NAME``; one without a recipe of its own gets
            that of its kind.
    """
    known = next((name for name in BACKBONES if _same(name, backbone)), "")
    own = f"{known}-dino"
    if known and own in catalog.entries("recipes") and VARIANT in variants_of(own):
        return f"{own}:{VARIANT}"
    transformer = isinstance(whole_net(backbone, 224), VisionTransformer)
    return f"{_TRANSFORMER if transformer else _CNN}:{VARIANT}"


def _same(name: str, backbone: str) -> bool:
    """Tell whether a known backbone has all layers of a network."""
    timm_name = f"{TIMM}{BACKBONES[name].timm_name}"
    return backbone == name or backbone in (as_tensorflow_pads(name), timm_name)


def brought_along(start: Start, recipe: str | None) -> tuple[str, ...]:
    """Return what a start changes in a recipe, as ``KEY=VALUE``; the user's changes come after.

    Args:
        start: Brings its normalisation, and general weights their network.
        recipe: As the user named it; None for the one that goes with the start.
    """
    changes = []
    if start.origin is not None and (recipe is None or _fits(start, recipe)):
        changes.append(f"backbone.name={start.backbone}")
    for key, value in (("mean", start.mean), ("std", start.std)):
        if value is not None:
            changes.append(f"image.{key}={[*value]}")
    return tuple(changes)


def _fits(start: Start, recipe: str) -> bool:
    try:
        named = load_recipe(recipe).backbone.name
    except UserError:  # it is told with all other mistakes
        return False
    return named in BACKBONES and _same(named, start.backbone)
