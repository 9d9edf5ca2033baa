"""How long a run pretrains: as its recipe says, for ``--epochs``, or within ``--minutes``."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace

from edgessl.data.dataset import Dataset
from edgessl.errors import UserError
from edgessl.metrics.cost import mean_over_epochs
from edgessl.pipeline.finetune.finetuning import baseline_epochs
from edgessl.pipeline.finetune.semi import times_supervised
from edgessl.pipeline.finetune.semi_trial import times_tried
from edgessl.pipeline.misfits import check_lengths
from edgessl.pipeline.pretrain import new_backbone, new_method
from edgessl.pipeline.score.probe import pretraining_rates, supervised_rate
from edgessl.recipe import Recipe
from edgessl.recipe.stages import pretrain_stages, with_epochs
from edgessl.reporter import Reporter
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import BASELINES, PRETRAIN, WHOLE_TIME
from edgessl.train.place.context import Context

AROUND = 1.08
"""Of the time in training: 8 % go to the monitor and to evaluation."""


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
    epochs = begun_epochs(folder, PRETRAIN.name, "pretraining epochs", minutes, reporter)
    return _settled(recipe, dataset, epochs, minutes, reporter)


def begun_epochs(
    folder: RunFolder, stage: str, words: str, minutes: float, reporter: Reporter
) -> int:
    """Return the epochs that a stage of a run was begun with.

    Args:
        folder: Has a run.
        stage: ``pretrain`` or ``finetune``.
        words: What its epochs are called.
        minutes: As asked for now.
        reporter: Is told where that changes nothing.

    Raises:
        UserError: The run is of another kind, or does not say what it is.
    """
    known = folder.read()
    if "recipe" not in known["identity"]:
        raise UserError(
            f"{folder.path}: must say in run.json what its run is, which one of this kind does, "
            "got none; choose another folder with --out, or start over with --fresh"
        )
    epochs = int(known["identity"]["recipe"][stage]["epochs"])
    if known.get("minutes") != minutes or known.get("extended"):
        reporter.say(
            f"--minutes {minutes:g}: this run keeps the {epochs} {words} that it has; --epochs can "
            "make it longer."
        )
    return epochs


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


def pretraining_epochs(context: Context, minutes: float, baselines: Collection[str]) -> int:
    """Return the pretraining epochs that fit into a time, from the measured rates.

    Stages keep their shares of the epochs.

    Args:
        context: The run.
        minutes: For all that the run trains, baselines included.
        baselines: Of ``BASELINES``, or none; those of ``WHOLE_TIME`` take as long as all of ours.

    Raises:
        UserError: Not one epoch fits.
    """
    dataset = context.dataset
    method = new_method(context, new_backbone(context, stage=PRETRAIN, whole=False))
    rates = pretraining_rates(context, method)
    seconds = [1.0 / rate.images_per_s for _, rate in rates]
    epoch_s = len(dataset.pretraining) * mean_over_epochs(
        seconds, [stage.epochs for stage, _ in rates]
    )
    supervised_s, times = 0.0, 1
    if dataset.classes and context.recipe.evaluate.finetunes:
        images = len(dataset.train) * baseline_epochs(context)
        times_one = arms(baselines) * times_supervised(context) + times_tried(context)
        supervised_s = times_one * images / supervised_rate(context).images_per_s
        times += whole_times(baselines)
    epochs = int((60.0 * minutes / AROUND - supervised_s) / (epoch_s * times))
    if epochs >= len(rates):
        return epochs
    least = (supervised_s + len(rates) * epoch_s * times) * AROUND / 60.0
    shorter = "; or fewer epochs by --set finetune.epochs=N" if dataset.classes else ""
    shorter += ", or --baselines none" if shorter and arms(baselines) > 1 else ""
    raise UserError(
        f"--minutes: must leave time for {_epochs(len(rates))} of pretraining, which with "
        f"fine-tuning and its baselines takes about {least:.2g} minutes here, got {minutes:g}; "
        f"pass --minutes {least_minutes(least)}{shorter}"
    )


def arms(baselines: Collection[str]) -> int:
    """Count the fine-tunings of a run: its own, and one for each baseline.

    Args:
        baselines: What is trained for comparison.
    """
    return 1 + len(set(baselines) & set(BASELINES))


def whole_times(baselines: Collection[str]) -> int:
    """Count the baselines that train for as long as all of ours takes.

    Args:
        baselines: What is trained for comparison.
    """
    return len(set(baselines) & set(WHOLE_TIME))


def _epochs(count: int) -> str:
    return "an epoch" if count == 1 else f"{count} epochs"


def least_minutes(minutes: float) -> str:
    """Write a time with a margin: rates vary.

    Args:
        minutes: Estimated.
    """
    return f"{math.ceil(minutes * 1.2 * 10) / 10:g}"
