"""Durations in steps fit the stage they are part of, which only the number of images tells."""

from __future__ import annotations

from edgessl.data.dataset import Dataset
from edgessl.errors import UserError
from edgessl.recipe import Recipe
from edgessl.recipe.duration import too_long
from edgessl.recipe.stages import pretrain_stages
from edgessl.schedules import Clock
from edgessl.schema import Table
from edgessl.train import steps_per_epoch


def check_lengths(recipe: Recipe, dataset: Dataset, *, pretrains: bool = True) -> None:
    """Refuse durations in steps that are longer than their stage.

    Args:
        recipe: Gives the durations.
        dataset: Gives the steps of an epoch.
        pretrains: Whether the run pretrains, or only fine-tunes.

    Raises:
        UserError: One line for each mistake, naming both lengths.
    """
    finetune = recipe.finetune
    stages: list[tuple[str, Table, Clock]] = []
    for stage in pretrain_stages(recipe) if pretrains else ():
        length = _clock(len(dataset.pretraining), stage.batch_size, stage.epochs)
        stages += [(stage.optim_key, stage.optim, length), ("method", recipe.method, length)]
    if dataset.classes:
        images, batch = len(dataset.train), finetune.batch_size
        stages.append(("finetune.optim", finetune.optim, _clock(images, batch, finetune.epochs)))
        if finetune.regrow is not None and recipe.backbone.last_stage != "keep":
            regrow = finetune.regrow
            stages.append(
                ("finetune.regrow.optim", regrow.optim, _clock(images, batch, regrow.epochs))
            )
    mistakes = [line for place, table, clock in stages for line in too_long(table, clock, place)]
    if mistakes:
        raise UserError(f"{recipe.name}: {len(mistakes)} mistake(s)\n  " + "\n  ".join(mistakes))


def _clock(images: int, batch_size: int, epochs: int) -> Clock:
    return Clock(0, steps_per_epoch(images, batch_size), epochs)
