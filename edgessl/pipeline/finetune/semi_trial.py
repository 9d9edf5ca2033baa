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
"""Images of ``val`` that can say whether it helps: with fewer only a landslide would be clear."""

ALWAYS = ("finetune.semi_trial.name=fixmatch", "finetune.semi_trial.labelled_below_percent=100")
"""What ``--unlabelled`` changes in a recipe that says nothing of images without label."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A semi-supervised finish to be tried after fine-tuning on labels alone.

    Attributes:
        table: Its settings.
        epochs: Passes over the labelled images: as many as take as long as that fine-tuning.
        times: Its time, in terms of that fine-tuning's.
        labelled: Images with a label.
        unlabelled: Images without.
    """

    table: SemiTable
    epochs: int
    times: float
    labelled: int
    unlabelled: int

    @property
    def sentence(self) -> str:
        """What is going to be done, and why."""
        images = self.labelled + self.unlabelled
        return (
            f"{self.labelled} of {images} images have labels: {self.table.name} goes on for "
            f"{self.epochs} epochs with the {self.unlabelled} others, and is kept if val says that "
            "it helps (finetune.semi_trial)."
        )


def trial_of(recipe: Recipe, dataset: Dataset, world: World) -> Trial | None:
    """Return the finish that a run tries by itself; None if it tries none.

    Args:
        recipe: What is trained, resolved.
        dataset: On what.
        world: By which processes.
    """
    asked = recipe.finetune.semi_trial
    if asked is None or not _few_labels(recipe, dataset) or hindrance(recipe, dataset, world):
        return None
    table, whole = asked.settings(), whole_epochs(recipe)
    cost = step_cost(recipe.finetune, table, dataset)
    epochs = max(1, round(whole / cost))
    return Trial(
        table, epochs, epochs * cost / whole, len(dataset.train), len(dataset.unlabeled)
    )


def times_tried(context: Context) -> float:
    """Return how many times as long the finish that is tried takes as the fine-tuning before it.

    Args:
        context: The run.
    """
    trial = trial_of(context.recipe, context.dataset, context.world)
    return trial.times if trial else 0.0


def hindrance(recipe: Recipe, dataset: Dataset, world: World) -> str:
    """Say why a finish that few labels call for cannot be tried; empty if it can.

    Args:
        recipe: What is trained, resolved.
        dataset: On what.
        world: By which processes.
    """
    table, least = recipe.finetune, least_unlabelled(recipe, world)
    if table.semi_trial is None or not _few_labels(recipe, dataset):
        return ""
    if dataset.tags:
        return "images may have several labels, and pseudo-labels are one class an image"
    if table.balance not in ("none", "auto"):
        return f"finetune.balance is '{table.balance}', and it draws every class alike often"
    if len(dataset.unlabeled) < least:
        return f"it takes {least} images without label, and there are {len(dataset.unlabeled)}"
    if len(dataset.val) < LEAST_VAL:
        return (
            f"val has {len(dataset.val)} images, and saying whether it helps takes {LEAST_VAL}"
        )
    cost = step_cost(table, table.semi_trial.settings(), dataset)
    epochs = max(1, round(whole_epochs(recipe) / cost))
    clock = Clock(0, steps_per_epoch(len(dataset.train), table.batch_size), epochs)
    place, run = "finetune.optim", "the epochs with images without label"
    return "; ".join([
        *too_long_for(table.optim, "warmup", epochs, place, run),
        *too_long(table.optim, clock, place),
    ])  # fmt: skip


def trial_in_words(recipe: Recipe, dataset: Dataset, world: World) -> str:
    """Say what becomes of images without label in fine-tuning; nothing unless few have one.

    Args:
        recipe: What is trained, resolved.
        dataset: On what.
        world: By which processes.
    """
    if trial := trial_of(recipe, dataset, world):
        return trial.sentence
    why = hindrance(recipe, dataset, world)
    way_out = "to use them in any case: --set finetune.semi.name=fixmatch"
    return f"Images without label are not tried: {why}; {way_out}." if why else ""


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
    if recipe.finetune.semi is not None or not (why := hindrance(recipe, dataset, world)):
        return
    raise UserError(
        f"--unlabelled {source}: must be images that pseudo-labels can be tried on, but {why}; "
        "leave it out, or use them in any case by --set finetune.semi.name=fixmatch"
    )


def _few_labels(recipe: Recipe, dataset: Dataset) -> bool:
    """Say whether so few of the training images have labels that a finish is to be tried."""
    table = recipe.finetune
    if table.semi is not None or table.semi_trial is None or not len(dataset.train):
        return False
    everything = len(dataset.train) + len(dataset.unlabeled)
    below = table.semi_trial.labelled_below_percent
    return 100.0 * len(dataset.train) < below * everything or below == 100.0
