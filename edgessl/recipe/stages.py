"""The stages of a recipe's pretraining, resolved: one, or several of progressive resolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgessl.recipe.optim_tables import Optim
from edgessl.recipe.stage_table import stage_epochs, views_of_stage
from edgessl.recipe.view_tables import ViewGroup
from edgessl.schema import validate

if TYPE_CHECKING:
    from edgessl.recipe.tables import Recipe


@dataclass(frozen=True, slots=True)
class PretrainStage:
    """What one stage of pretraining does.

    Attributes:
        name: In the log and in run.json: ``pretrain``, or ``pretrain-1`` and so on.
        epochs: Passes over the images.
        epochs_before: Of the stages before it.
        batch_size: Images in a step.
        views: Groups of views.
        optim: Optimiser and schedule.
        optim_key: Where the recipe says so.
        batch_key: Where it gives the batch size.
    """

    name: str
    epochs: int
    epochs_before: int
    batch_size: int
    views: tuple[ViewGroup, ...]
    optim: Optim
    optim_key: str = "optim"
    batch_key: str = "pretrain.batch_size"

    @property
    def pixels(self) -> int:
        """Of all views of an image."""
        return sum(group.count * group.size_px**2 for group in self.views)


def pretrain_stages(recipe: Recipe) -> tuple[PretrainStage, ...]:
    """Return the stages of a recipe's pretraining in their order, at least one."""
    table = recipe.pretrain
    if not table.stages:
        return (
            PretrainStage(
                "pretrain", table.epochs, 0, table.batch_size, recipe.views, recipe.optim
            ),
        )
    found: list[PretrainStage] = []
    epochs = stage_epochs(table.stages, table.epochs)
    for number, stage in enumerate(table.stages):
        place = f"pretrain.stages.{number}"
        found.append(
            PretrainStage(
                f"pretrain-{number + 1}" if len(table.stages) > 1 else "pretrain",
                epochs[number],
                sum(epochs[:number]),
                stage.batch_size or table.batch_size,
                views_of_stage(stage, recipe.views),
                stage.optim or recipe.optim,
                f"{place}.optim" if stage.optim else "optim",
                f"{place}.batch_size" if stage.batch_size else "pretrain.batch_size",
            )
        )
    return tuple(found)


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
    return validate(type(recipe), values, f"{recipe.name}, {asked_by}")
