"""The semi-supervised finish: how fine-tuning goes where images without label take part."""

from __future__ import annotations

from torch import nn

from edgessl.backbones import Classifier
from edgessl.data.dataset import Dataset
from edgessl.distributed import World
from edgessl.errors import UserError
from edgessl.methods.semi.build import build_alignment, build_rule
from edgessl.methods.semi.semi_supervised import SemiSupervised
from edgessl.recipe import Recipe
from edgessl.recipe.finetune_table import FinetuneTable
from edgessl.recipe.semi_table import SemiTable
from edgessl.recipe.view_tables import ViewGroup
from edgessl.runs.stages import SEMI, StageId
from edgessl.train.place.context import Context
from edgessl.train.stage.stage import Stage


def semi_supervised(
    context: Context, classifier: Classifier, table: SemiTable, what: StageId, epochs: int,
    frozen: tuple[nn.Module, ...],
) -> tuple[Stage, SemiSupervised]:
    """Say how labelled images and images without label train a classifier together.

    Args:
        context: The run.
        classifier: What is trained.
        table: Settings.
        what: Which stage; in ``SEMI`` the classifier knows the labels already, and all layers are
            trained from its first step.
        epochs: Passes over the labelled images.
        frozen: Modules whose BN statistics stay as they are.
    """
    finetune, dataset = context.recipe.finetune, context.dataset
    classes, labels = len(dataset.classes), dataset.train.labels or ()
    method = SemiSupervised(
        classifier, table,
        build_rule(table, images=len(dataset.unlabeled), classes=classes),
        build_alignment(table, labels, classes),
        frozen=frozen, head_warmup=None if what == SEMI else finetune.head_warmup,
    )  # fmt: skip
    stage = Stage(
        what, epochs, finetune.batch_size, (finetune.view,), finetune.optim,
        finetune.accumulate, finetune.batchnorm_groups, layer_decay=finetune.layer_decay,
        beside=views_without_label(finetune, table), ratio=table.ratio,
    )  # fmt: skip
    return stage, method


def times_supervised(context: Context) -> float:
    """Return how many times as long a step takes as one of the labelled images alone.

    Args:
        context: The run.
    """
    finetune, dataset = context.recipe.finetune, context.dataset
    if finetune.semi is None:
        return 1.0
    return step_cost(finetune, finetune.semi, dataset)


def step_cost(finetune: FinetuneTable, table: SemiTable, dataset: Dataset) -> float:
    """Return how long a step of a semi-supervised finish takes; 1 is one on labels alone.

    An image without label goes forward twice and backward once, a labelled one once each; going
    back takes twice as long as going forward.

    Args:
        finetune: Gives the batch.
        table: Settings of the finish.
        dataset: What it learns from.
    """
    return 1.0 + 4 / 3 * _beside_each(finetune, table, dataset)


def images_an_epoch(context: Context) -> float:
    """Return how many images a step has for each labelled one.

    Args:
        context: The run.
    """
    finetune, dataset = context.recipe.finetune, context.dataset
    if finetune.semi is None:
        return 1.0
    return 1.0 + _beside_each(finetune, finetune.semi, dataset)


def _beside_each(finetune: FinetuneTable, table: SemiTable, dataset: Dataset) -> float:
    """Return how many images without label a step has for each labelled one."""
    own = min(finetune.batch_size, len(dataset.train))
    return min(table.ratio, len(dataset.unlabeled) / own)


def least_unlabelled(recipe: Recipe, world: World) -> int:
    """Return how many images without label a semi-supervised finish must have.

    Args:
        recipe: What is to be trained.
        world: By which processes.
    """
    return max(2, recipe.finetune.accumulate * world.size)


def refuse_without_images(recipe: Recipe, dataset: Dataset, world: World) -> None:
    """Refuse a semi-supervised finish that has no images without label, or several labels an image.

    Args:
        recipe: What is to be trained.
        dataset: On what.
        world: By which processes.

    Raises:
        UserError: It cannot be.
    """
    table = recipe.finetune.semi
    if table is None or not (dataset.classes or dataset.tags):
        return
    if dataset.tags:
        raise UserError(
            f"finetune.semi.name: must be left out with several labels an image, got "
            f"'{table.name}'; pseudo-labels are one class an image"
        )
    least = least_unlabelled(recipe, world)
    if (there := len(dataset.unlabeled)) < least:
        raise UserError(
            f"finetune.semi.name = '{table.name}': must have at least {least} images without "
            f"label, found {there} in {dataset.source}; pass some by --unlabelled, keep fewer "
            "labels by --labels-per-class, or leave it out"
        )


def views_without_label(finetune: FinetuneTable, table: SemiTable) -> tuple[ViewGroup, ViewGroup]:
    """Return the weak and the strong view of images without label.

    Args:
        finetune: Has the view of labelled images, which both are like.
        table: Says what is different.
    """
    scale = {} if table.weak_scale is None else {"scale": table.weak_scale}
    weak = finetune.view.model_copy(update=scale)
    return weak, finetune.view.model_copy(update={"rand_augment": table.strong})
