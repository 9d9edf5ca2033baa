"""How long a run pretrains: as its recipe says, for ``--epochs``, or within ``--minutes``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgessl.data.dataset import Dataset
from edgessl.pipeline.plan import pretraining_epochs
from edgessl.pipeline.preflight import check_lengths
from edgessl.recipe import Recipe
from edgessl.recipe.stages import pretrain_stages, with_epochs
from edgessl.reporter import Reporter
from edgessl.runs.folder import RunFolder
from edgessl.train.place.context import Context


def with_asked_epochs(recipe: Recipe, epochs: int | None, reporter: Reporter) -> Recipe:
    """Give a recipe the epochs that were asked for.

    Args:
        recipe: As it is.
        epochs: ``--epochs``; None to leave it as it is.
        reporter: Is told what each stage of pretraining gets.

    Raises:
        UserError: Something in the recipe does not fit into them.
    """
    if epochs is None:
        return recipe
    longer = with_epochs(recipe, epochs, f"--epochs {epochs}")
    if sentence := _shares(longer):
        reporter.say(f"--epochs {epochs}: {sentence}")
    return longer


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
    known = folder.read()
    epochs = int(known["identity"]["recipe"]["pretrain"]["epochs"])
    if known.get("minutes") != minutes or known.get("extended"):
        reporter.say(
            f"--minutes {minutes:g}: this run keeps the {epochs} pretraining epochs "
            "that it has; --epochs can make it longer."
        )
    return _settled(recipe, dataset, epochs, minutes, reporter)


def fitted(context: Context, minutes: float, baselines: Sequence[str]) -> Context:
    """Choose the epochs of a new run by its time.

    Args:
        context: The run.
        minutes: For the whole run.
        baselines: What is trained for comparison, in the same time.

    Raises:
        UserError: The time is too short, or the recipe does not fit into it.
    """
    epochs = pretraining_epochs(context, minutes, baselines)
    context.reporter.say(f"{minutes:g} minutes are {epochs} pretraining epochs here.")
    settled = _settled(context.recipe, context.dataset, epochs, minutes, context.reporter)
    return replace(context, recipe=settled)


def _settled(
    recipe: Recipe, dataset: Dataset, epochs: int, minutes: float, reporter: Reporter
) -> Recipe:
    settled = with_epochs(recipe, epochs, f"--minutes {minutes:g}")
    if sentence := _shares(settled):
        reporter.say(sentence)
    check_lengths(settled, dataset)
    return settled


def _shares(recipe: Recipe) -> str:
    """Say how many epochs each stage of pretraining gets; nothing about a single one."""
    stages = pretrain_stages(recipe)
    if len(stages) == 1:
        return ""
    return f"{', '.join(f'{stage.name} gets {stage.epochs}' for stage in stages)} epochs."
