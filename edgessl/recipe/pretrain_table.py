"""What a recipe may say about pretraining, and what each of its stages does by that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from edgessl.recipe.optim_tables import Optim
from edgessl.recipe.stage_table import StageTable, stage_epochs, views_of_stage
from edgessl.recipe.view_tables import ViewGroup
from edgessl.schema import Table

Count = Annotated[int, Field(ge=1)]


class PretrainTable(Table):
    """Self-supervised pretraining.

    Attributes:
        epochs: Passes over the training and unlabelled images, of all stages together.
        batch_size: Images in a step.
        stages: Of progressive resolution; none for one stage with the views as they are.
        accumulate: Micro-batches in a step, one after the other, to save memory. BN and what a
            loss compares within a batch see one micro-batch.
        batchnorm_groups: Equal contiguous groups of each micro-batch that BN statistics are
            computed over in training; what a paper does per GPU, on any number of processes.
        recalibrate_batchnorm: Recompute BN statistics under the evaluation transform before
            features are scored or kept (factory recipes yes, paper recipes no).
        monitor_every_percent: How often features are scored on ``val``, in percent of the run.
    """

    epochs: Count
    batch_size: Annotated[int, Field(ge=2)]
    accumulate: Count = 1
    batchnorm_groups: Count = 1
    recalibrate_batchnorm: bool = True
    monitor_every_percent: Annotated[float, Field(gt=0.0, le=100.0)] = 10.0
    stages: tuple[StageTable, ...] = ()

    def micro_batches(self) -> tuple[int, ...]:
        """Return the images of a micro-batch, of each stage."""
        batches = [stage.batch_size or self.batch_size for stage in self.stages]
        return tuple(-(-batch // self.accumulate) for batch in batches or [self.batch_size])


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


def resolve_stages(
    table: PretrainTable, views: Sequence[ViewGroup], optim: Optim
) -> tuple[PretrainStage, ...]:
    """Return the stages of pretraining in their order, at least one.

    Args:
        table: Says which.
        views: Groups of views of the recipe, the global one first.
        optim: Of the recipe, for stages without one of their own.
    """
    if not table.stages:
        return (PretrainStage("pretrain", table.epochs, 0, table.batch_size, tuple(views), optim),)
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
                views_of_stage(stage, views),
                stage.optim or optim,
                f"{place}.optim" if stage.optim else "optim",
                f"{place}.batch_size" if stage.batch_size else "pretrain.batch_size",
            )
        )
    return tuple(found)
