"""What is checked and said before any work starts."""

from __future__ import annotations

import torch

from edgessl.backbones import Backbone
from edgessl.data.dataset import Dataset
from edgessl.errors import UserError
from edgessl.recipe import Recipe
from edgessl.recipe.duration import too_long
from edgessl.recipe.stages import pretrain_stages
from edgessl.schedules import Clock
from edgessl.schema import Table
from edgessl.train import steps_per_epoch


def check_sizes(recipe: Recipe, *, pretrains: bool = True) -> None:
    """Refuse a backbone that cannot be built, and sizes of views that it does not take.

    Args:
        recipe: Names the backbone, which is built without weights, and the sizes.
        pretrains: Whether the run pretrains, or only fine-tunes.

    Raises:
        UserError: One line for each mistake.
    """
    table = recipe.backbone
    with torch.device("meta"):
        backbone = Backbone(
            table.name, table.pretrained_last_stage, recipe.image.crop_px,
            dropout=table.dropout, drop_path=table.drop_path,
        )  # fmt: skip
    mistakes = []
    for size_px in sorted(_sizes(recipe, pretrains=pretrains)):
        try:
            backbone.probe(size_px)
        except UserError as error:
            mistakes.append(f"views of {size_px} px: {error}")
    if mistakes:
        raise UserError(f"{recipe.name}: {len(mistakes)} mistake(s)\n  " + "\n  ".join(mistakes))


def _sizes(recipe: Recipe, *, pretrains: bool) -> set[int]:
    stages = pretrain_stages(recipe) if pretrains else ()
    pretraining = {group.size_px for stage in stages for group in stage.views}
    return pretraining | {recipe.finetune.view.size_px}


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


def found(dataset: Dataset) -> list[str]:
    """Tell images, classes, what was decided about them, and what was left out.

    Args:
        dataset: What the user has.
    """
    counts = ", ".join(
        f"{len(split)} {name}"
        for name, split in (
            ("train", dataset.train), ("unlabeled", dataset.unlabeled),
            ("val", dataset.val), ("test", dataset.test),
        )
        if len(split)
    )
    classes = f"{len(dataset.classes)} classes" if dataset.classes else "no labels"
    lines = [f"{dataset.name}: {counts} images, {classes}.", *dataset.notes]
    if dataset.quarantined:
        lines.append(
            f"{len(dataset.quarantined)} file(s) left out, listed in quarantine.txt; "
            f"the first: {dataset.quarantined[0][0].name}: {dataset.quarantined[0][1]}."
        )
    return lines
