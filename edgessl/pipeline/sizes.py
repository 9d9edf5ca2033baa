"""Views have sizes that the backbone takes, which only building it tells."""

from __future__ import annotations

import torch

from edgessl.backbones import Backbone
from edgessl.errors import UserError
from edgessl.recipe import Recipe
from edgessl.recipe.stages import pretrain_stages


def check_sizes(recipe: Recipe, *, pretrains: bool = True) -> None:
    """Refuse a backbone that cannot be built, and sizes of views that it does not take.

    Args:
        recipe: Names the backbone, which is built without weights, and the sizes.
        pretrains: Whether the run pretrains, or only fine-tunes.

    Raises:
        UserError: One line for each mistake.
    """
    table = recipe.backbone
    with torch.device("meta"):
        backbone = Backbone(
            table.name, table.pretrained_last_stage, recipe.image.crop_px,
            dropout=table.dropout, drop_path=table.drop_path,
        )  # fmt: skip
    mistakes = []
    for size_px in sorted(_sizes(recipe, pretrains=pretrains)):
        try:
            backbone.probe(size_px)
        except UserError as error:
            mistakes.append(f"views of {size_px} px: {error}")
    if mistakes:
        raise UserError(f"{recipe.name}: {len(mistakes)} mistake(s)\n  " + "\n  ".join(mistakes))


def _sizes(recipe: Recipe, *, pretrains: bool) -> set[int]:
    stages = pretrain_stages(recipe) if pretrains else ()
    pretraining = {group.size_px for stage in stages for group in stage.views}
    return pretraining | {recipe.finetune.view.size_px}
