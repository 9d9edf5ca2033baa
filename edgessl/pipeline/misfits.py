"""What of a recipe does not fit its backbone, its images or the processes, told at once."""

from __future__ import annotations

import torch

from edgessl.backbones import Backbone
from edgessl.data.dataset import Dataset
from edgessl.distributed import World
from edgessl.errors import Refusals, UserError
from edgessl.pipeline.finetune.semi import refuse_without_images
from edgessl.recipe import Recipe
from edgessl.recipe.duration import too_long
from edgessl.recipe.stages import pretrain_stages
from edgessl.schedules import Clock
from edgessl.schema import Table
from edgessl.train import steps_per_epoch
from edgessl.train.place.processes import batch_parts


def refuse_misfits(
    recipe: Recipe,
    dataset: Dataset,
    world: World,
    *,
    compiled: bool,
    lengths: bool = True,
    pretrains: bool = True,
) -> None:
    """Refuse a recipe that does not go with its backbone, images or processes.

    Args:
        recipe: What is to be trained.
        dataset: On what.
        world: By which processes.
        compiled: Whether backbones are to be compiled.
        lengths: Whether its epochs are known: ``--minutes`` settles them later.
        pretrains: Whether the run pretrains, or only fine-tunes.

    Raises:
        UserError: One line for each mistake.
    """
    refusals = Refusals()
    with refusals:
        check_sizes(recipe, pretrains=pretrains)
    with refusals:
        check_batches(recipe, dataset, world, pretrains=pretrains)
    with refusals:
        check_compiled(recipe, world, compiled=compiled, pretrains=pretrains)
    with refusals:
        if lengths:
            check_lengths(recipe, dataset, pretrains=pretrains)
    if recipe.evaluate.finetunes or not pretrains:
        with refusals:
            refuse_without_images(recipe, dataset, world)
        with refusals:
            check_choices(recipe, dataset)
    refusals.raise_all()


def check_choices(recipe: Recipe, dataset: Dataset) -> None:
    """Refuse what does not go with images of several labels, or with images without label.

    Args:
        recipe: What is to be trained.
        dataset: On what.

    Raises:
        UserError: One line for each mistake.
    """
    table = recipe.finetune
    asked = {"balance": (table.balance, "none"), "keep": (table.keep, "last")}
    mistakes = [
        f"finetune.{key}: must be '{only}' for images that may have several labels, got '{given}'; "
        "leave it out"
        for key, (given, only) in asked.items() if dataset.tags and given != only
    ]
    if table.semi is not None and table.balance not in ("none", "auto"):
        mistakes.append(
            "finetune.balance: must be 'none' or 'auto' with [finetune.semi], which draws every "
            f"class alike often by itself, got '{table.balance}'; leave it out"
        )
    if mistakes:
        raise UserError("\n".join(mistakes))


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


def _sizes(recipe: Recipe, *, pretrains: bool = True) -> set[int]:
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
    if dataset.classes and (recipe.evaluate.finetunes or not pretrains):
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


def check_compiled(
    recipe: Recipe, world: World, *, compiled: bool, pretrains: bool = True
) -> None:
    """Refuse compiled backbones where BN statistics are shared: compiled code would not share them.

    Args:
        recipe: Gives the groups.
        world: The processes.
        compiled: Whether backbones are to be compiled.
        pretrains: Whether the run pretrains, or only fine-tunes.

    Raises:
        UserError: Backbones are to be compiled, and there are several processes or BN groups.
    """
    tables = (("pretrain", recipe.pretrain), ("finetune", recipe.finetune))
    for place, table in tables if pretrains else tables[1:]:
        groups = table.batchnorm_groups
        if compiled and (world.size > 1 or groups > 1):
            raise UserError(
                f"--compile: must be used with one process and one BN group, got {world.size} "
                f"process(es) and {place}.batchnorm_groups = {groups}; leave it out"
            )


def check_batches(
    recipe: Recipe, dataset: Dataset, world: World, *, pretrains: bool = True
) -> None:
    """Refuse batches that cannot be divided between the processes.

    Args:
        recipe: Gives the batches.
        dataset: Gives the images.
        world: The processes.
        pretrains: Whether the run pretrains, or only fine-tunes.

    Raises:
        UserError: One line for each mistake.
    """
    pretrain, finetune = recipe.pretrain, recipe.finetune
    batches = {stage.batch_key: stage.batch_size for stage in pretrain_stages(recipe)}
    stages = [
        ("pretrain", key, batch, pretrain.accumulate, pretrain.batchnorm_groups,
         len(dataset.pretraining))
        for key, batch in batches.items() if pretrains
    ]  # fmt: skip
    if dataset.classes and (recipe.evaluate.finetunes or not pretrains):
        stages.append(
            ("finetune", "finetune.batch_size", finetune.batch_size, finetune.accumulate,
             finetune.batchnorm_groups, len(dataset.train))
        )  # fmt: skip
    mistakes = []
    for name, key, batch, accumulate, groups, images in stages:
        if world.size % groups and groups % world.size:
            mistakes.append(
                f"{name}.batchnorm_groups: must divide the number of processes or be a multiple "
                f"of it, got {groups} groups and {world.size} processes; start another number"
            )
            continue
        parts = batch_parts(world, accumulate=accumulate, groups=groups)
        if batch % parts:
            fitting = max(parts, batch // parts * parts)
            mistakes.append(
                f"{key}: must be divisible by {parts} ({world.size} processes, "
                f"{groups} BN groups, {accumulate} micro-batches), got {batch}; "
                f"pass --set {key}={fitting}, or start another number of processes"
            )
        elif images < parts:
            mistakes.append(
                f"{name}: must have at least {parts} images for {world.size} processes, got "
                f"{images}; start fewer processes"
            )
    if mistakes:
        raise UserError(f"{recipe.name}: {len(mistakes)} mistake(s)\n  " + "\n  ".join(mistakes))
