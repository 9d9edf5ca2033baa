"""Whether a run tries a semi-supervised finish by itself, for how long, and why not."""

from __future__ import annotations

from dataclasses import dataclass

from edgessl.data.dataset import Dataset
from edgessl.distributed import World
from edgessl.errors import UserError
from edgessl.pipeline.finetune.regrow import whole_epochs
from edgessl.pipeline.finetune.semi import least_unlabelled, step_cost
from edgessl.recipe import Recipe
from edgessl.recipe.duration import too_long, too_long_for
from edgessl.recipe.semi_table import SemiTable
from edgessl.schedules import Clock
from edgessl.train import steps_per_epoch
from edgessl.train.place.context import Context

LEAST_VAL = 20
"""Images of ``val`` that can say whether it helps: with fewer a single one would decide."""

ALWAYS = ("finetune.semi_trial.name=fixmatch", "finetune.semi_trial.labelled_below_percent=100")
"""What ``--unlabelled`` changes in a recipe that says nothing of images without label."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A semi-supervised finish to be tried after fine-tuning on labels alone.

    Attributes:
        table: Its settings.
        start_share: Share of the weights that labels alone left in the network that it leaves.
        epochs: Passes over the labelled images: as many as take as long as that fine-tuning.
        times: Its time, in terms of that fine-tuning's.
        labelled: Images with a label.
        unlabelled: Images without.
    """

    table: SemiTable
    start_share: float
    epochs: int
    times: float
    labelled: int
    unlabelled: int

    @property
    def sentence(self) -> str:
        """What is going to be done, and why."""
        images = self.labelled + self.unlabelled
        epochs = "an epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        return (
            f"{self.labelled} of {images} images have labels: {self.table.name} goes on for "
            f"{epochs} with the {self.unlabelled} others, and is kept if val says that it helps "
            "(finetune.semi_trial)."
        )


def trial_of(recipe: Recipe, dataset: Dataset, world: World) -> Trial | None:
    """Return the finish that a run tries by itself; None if it tries none.

    Args:
        recipe: What is trained, resolved.
        dataset: On what.
        world: By which processes.
    """
    trial = _called_for(recipe, dataset)
    return None if trial is None or _hindrance(trial, recipe, dataset, world) else trial


def times_tried(context: Context) -> float:
    """Return how many times as long the finish that is tried takes as the fine-tuning before it.

    Args:
        context: The run.
    """
    trial = trial_of(context.recipe, context.dataset, context.world)
    return trial.times if trial else 0.0


def trial_in_words(recipe: Recipe, dataset: Dataset, world: World) -> str:
    """Say what becomes of images without label in fine-tuning; nothing if they are not for it.

    Args:
        recipe: What is trained, resolved.
        dataset: On what.
        world: By which processes.
    """
    if (semi := recipe.finetune.semi) is not None:
        return f"{semi.name} with {len(dataset.unlabeled)} images without label (finetune.semi)."
    trial = _called_for(recipe, dataset)
    if trial is None:
        return ""
    why = _hindrance(trial, recipe, dataset, world)
    return f"Images without label are not tried: {why}." if why else trial.sentence


def refuse_hindered(recipe: Recipe, dataset: Dataset, world: World, source: str) -> None:
    """Refuse images without label that cannot be used.

    Args:
        recipe: What is to be trained.
        dataset: On what.
        world: By which processes.
        source: ``--unlabelled``.

    Raises:
        UserError: Nothing would learn from them.
    """
    trial = _called_for(recipe, dataset)
    asked = recipe.finetune.semi_trial
    if trial is None and recipe.finetune.semi is None:
        below = asked.labelled_below_percent if asked else 0.0
        raise UserError(
            f"--unlabelled {source}: must come with finetune.semi_trial.labelled_below_percent "
            f"over the share of images that have labels, got {below:g}; leave that, or "
            "--unlabelled, out"
        )
    if trial and (why := _hindrance(trial, recipe, dataset, world)):
        raise UserError(
            f"--unlabelled {source}: must be images that pseudo-labels can be tried on, but {why}; "
            "or leave it out"
        )


def _called_for(recipe: Recipe, dataset: Dataset) -> Trial | None:
    """Return the finish to be tried if so few of the training images have labels."""
    finetune, labelled, unlabelled = recipe.finetune, len(dataset.train), len(dataset.unlabeled)
    asked = finetune.semi_trial
    if finetune.semi is not None or asked is None or not labelled:
        return None
    below = asked.labelled_below_percent
    if below < 100.0 and 100.0 * labelled >= below * (labelled + unlabelled):
        return None
    table, whole = asked.settings(), whole_epochs(recipe)
    cost = step_cost(finetune, table, dataset)
    epochs = max(1, round(whole / cost))
    times = epochs * cost / whole
    return Trial(table, asked.start_share, epochs, times, labelled, unlabelled)


def _hindrance(trial: Trial, recipe: Recipe, dataset: Dataset, world: World) -> str:
    """Say why a finish cannot be tried, and the way out; empty if it can."""
    finetune, least = recipe.finetune, least_unlabelled(recipe, world)
    if dataset.tags:
        return "images may have several labels, and pseudo-labels are one class an image"
    if finetune.balance not in ("none", "auto"):
        return (
            f"finetune.balance is '{finetune.balance}', and it draws every class alike often; "
            "leave that out"
        )
    if trial.unlabelled < least:
        return f"it takes {least} images without label, and there are {trial.unlabelled}"
    if (there := len(dataset.val)) < LEAST_VAL:
        return (
            f"val has {there} images, and saying whether it helps takes {LEAST_VAL}; hold out more "
            "by --set data.val_percent=N, or use them in any case by --set "
            f"finetune.semi.name={trial.table.name}"
        )
    clock = Clock(0, steps_per_epoch(trial.labelled, finetune.batch_size), trial.epochs)
    place, run = "finetune.optim", "the epochs with images without label"
    return "; ".join([
        *too_long_for(finetune.optim, "warmup", trial.epochs, place, run),
        *too_long(finetune.optim, clock, place),
    ])  # fmt: skip
