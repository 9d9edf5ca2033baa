"""The stages of a recipe's pretraining, resolved: one, or several of progressive resolution."""

from __future__ import annotations

from edgessl.recipe.pretrain_table import PretrainStage, resolve_stages
from edgessl.recipe.stage_table import stage_epochs
from edgessl.recipe.tables import Recipe
from edgessl.schema import validate

__all__ = ["PretrainStage", "pretrain_stages", "with_epochs"]


def pretrain_stages(recipe: Recipe) -> tuple[PretrainStage, ...]:
    """Return the stages of a recipe's pretraining in their order, at least one."""
    return resolve_stages(recipe.pretrain, recipe.views, recipe.optim)


def with_epochs(recipe: Recipe, epochs: int, asked_by: str) -> Recipe:
    """Return a recipe that pretrains for another number of epochs; its stages keep their shares.

    Args:
        recipe: As it is.
        epochs: Of all stages together.
        asked_by: The option that asks for them, for messages.

    Raises:
        UserError: Something in the recipe does not fit into them.
    """
    table = recipe.pretrain
    values = recipe.model_dump(mode="json", exclude_none=True)
    values["pretrain"]["epochs"] = epochs
    in_epochs = any(stage.epochs is not None for stage in table.stages)
    if in_epochs and epochs >= len(table.stages):  # with fewer, the table says what is wrong
        lengths = stage_epochs(table.stages, epochs)
        for stage, length in zip(values["pretrain"]["stages"], lengths, strict=True):
            stage["epochs"] = length
    return validate(Recipe, values, f"{recipe.name}, {asked_by}")
