"""How long a fine-tuning takes, and how many epochs fit into a time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from edgessl.data.dataset import Dataset
from edgessl.errors import UserError
from edgessl.pipeline.finetune.finetuning import baseline_epochs
from edgessl.pipeline.finetune.semi import times_supervised
from edgessl.pipeline.finetune.semi_trial import times_tried
from edgessl.pipeline.lengths import AROUND, arms, begun_epochs, least_minutes
from edgessl.pipeline.misfits import check_lengths
from edgessl.pipeline.score.probe import supervised_rate
from edgessl.recipe import Recipe
from edgessl.reporter import Reporter
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import FINETUNE
from edgessl.train.place.context import Context


def as_begun(
    folder: RunFolder, recipe: Recipe, dataset: Dataset, minutes: float, reporter: Reporter
) -> Recipe:
    """Give a recipe the epochs that its run was begun with: ``--minutes`` settles them once.

    Args:
        folder: Has a run.
        recipe: As it is.
        dataset: What it trains on.
        minutes: As asked for now.
        reporter: Is told where that changes nothing.

    Raises:
        UserError: Something in the recipe does not fit into them.
    """
    epochs = begun_epochs(folder, FINETUNE.name, "epochs", minutes, reporter)
    return _settled(recipe, epochs, dataset)


def fitted(context: Context, minutes: float, baselines: Collection[str]) -> Context:
    """Choose the epochs of a new fine-tuning by its time.

    Args:
        context: The run.
        minutes: For all that it trains.
        baselines: What is trained for comparison.

    Raises:
        UserError: Not one epoch fits, or the recipe does not fit into them.
    """
    images, rate = len(context.dataset.train), supervised_rate(context).images_per_s
    before = baseline_epochs(context) - context.recipe.finetune.epochs  # of a stage that grows back
    epoch_s = images * times(context, baselines) / rate
    epochs = int(60.0 * minutes / AROUND / epoch_s) - before
    if epochs < 1:
        least = (1 + before) * epoch_s * AROUND / 60.0
        raise UserError(
            f"--minutes: must leave time for an epoch of fine-tuning on {images} images, which "
            f"takes about {least:.2g} minutes here, got {minutes:g}; pass --minutes "
            f"{least_minutes(least)}"
        )
    context.reporter.say(f"{minutes:g} minutes are {epochs} epochs of fine-tuning here.")
    return replace(context, recipe=_settled(context.recipe, epochs, context.dataset))


def times(context: Context, baselines: Collection[str]) -> float:
    """Return how many times the work of plain fine-tuning all of it is.

    Args:
        context: The run.
        baselines: What is trained for comparison, each in the same way; a semi-supervised finish
            that is tried counts too.
    """
    return times_supervised(context) * arms(baselines) + times_tried(context)


def _settled(recipe: Recipe, epochs: int, dataset: Dataset) -> Recipe:
    table = recipe.finetune.model_copy(update={"epochs": epochs})
    settled = recipe.model_copy(update={"finetune": table})
    check_lengths(settled, dataset, pretrains=False)
    return settled
