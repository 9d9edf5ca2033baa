"""What is checked and said before any work starts; every mistake is told at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from edgessl.backbones import Backbone
from edgessl.data.dataset import SPLIT_NAMES, Dataset, by_use
from edgessl.data.load import load_dataset, refuse_unknown
from edgessl.distributed import World
from edgessl.errors import Refusals, UserError
from edgessl.recipe import Recipe, load_recipe
from edgessl.recipe.duration import too_long
from edgessl.recipe.stages import pretrain_stages
from edgessl.reporter import Reporter
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import BASELINES
from edgessl.schedules import Clock
from edgessl.schema import Table
from edgessl.train import steps_per_epoch
from edgessl.train.place.choose_engine import engine_of_run
from edgessl.train.place.context import Context
from edgessl.train.place.images import images_of
from edgessl.train.place.processes import batch_parts, device_of, lead


def refuse_baselines(asked: Sequence[str], known: Sequence[str]) -> None:
    """Refuse comparisons that there are not, and ``none`` beside others.

    Args:
        asked: What the user wants beside the run.
        known: What it could be, apart from ``none``.

    Raises:
        UserError: One line for each mistake.
    """
    mistakes = [
        f"--baselines: must be of {', '.join((*known, 'none'))}, got '{name}'"
        for name in asked if name not in (*known, "none")
    ]
    if "none" in asked and len(set(asked)) > 1:
        mistakes.append(
            f"--baselines: must be 'none' alone, or others without it, got {','.join(asked)}"
        )
    if mistakes:
        raise UserError("\n".join(mistakes))


def options(
    recipe: str,
    overrides: Sequence[str],
    baselines: Sequence[str],
    device: str,
    sources: Sequence[str],
    world: World,
    refusals: Refusals,
    *,
    known: Sequence[str] = tuple(BASELINES),
) -> tuple[Recipe, torch.device]:
    """Check what can be checked before the images are read.

    Args:
        recipe: ``NAME``, ``NAME:VARIANT`` or a TOML file.
        overrides: ``KEY=VALUE`` changes to it.
        baselines: What to train for comparison.
        device: One of ``device.NAMES``.
        sources: ``--data``, and ``--labels`` where given.
        world: The processes.
        refusals: What was refused so far; this is told too.
        known: Baselines that there are.

    Returns:
        The recipe as far as it is known without images: it says how to split them; and the device.

    Raises:
        UserError: Something cannot be used.
    """
    with refusals:
        refuse_baselines(baselines, known)
    with refusals:
        here = device_of(device, world)
    for source in sources:
        with refusals:
            refuse_unknown(source)
    with refusals:
        draft = load_recipe(recipe, overrides=overrides)
    refusals.raise_all()
    return draft, here


def images_for(
    recipe: Recipe,
    data: str,
    *,
    labels: str | None = None,
    label_percent: float | None = None,
    seed: int,
    reporter: Reporter,
    pretrains: bool = True,
) -> Dataset:
    """Find, check and split the images of a run as its recipe says.

    Args:
        recipe: Says how many are held out, and how many pretraining sees.
        data: ``--data``.
        labels: ``--labels``, or None.
        label_percent: ``--label-percent``, or None.
        seed: Chooses labels and images.
        reporter: Shows progress.
        pretrains: Whether the run pretrains, or only fine-tunes, on all that have labels.

    Raises:
        UserError: The images cannot be used.
    """
    return load_dataset(
        data,
        labels=labels,
        label_percent=label_percent,
        val_percent=recipe.data.val_percent,
        max_images=recipe.data.max_images if pretrains else None,
        seed=seed,
        progress=lambda done, total: reporter.progress("checking images", done, total),
    )


def recipe_for(
    name: str, overrides: Sequence[str], dataset: Dataset, device: torch.device
) -> Recipe:
    """Resolve a recipe with the variants that data and device choose.

    Args:
        name: ``NAME``, ``NAME:VARIANT`` or a TOML file.
        overrides: ``KEY=VALUE`` changes to it.
        dataset: Its name and number of images.
        device: Where it trains.
    """
    conditions = {
        "data": dataset.name, "device": device.type, "images": len(dataset.pretraining),
    }
    return load_recipe(name, conditions=conditions, overrides=overrides)


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
    refusals.raise_all()


def begin(
    run: RunFolder,
    recipe: Recipe,
    dataset: Dataset,
    device: torch.device,
    world: World,
    *,
    compiled: bool,
    seed: int,
    reporter: Reporter,
    stop_on_collapse: bool = False,
) -> Context:
    """Put together what all stages of a run share, on all of its processes.

    Args:
        run: Its folder.
        recipe: What is trained.
        dataset: On what.
        device: Where.
        world: By which processes.
        compiled: Whether backbones are compiled.
        seed: Decides everything random.
        reporter: Tells the user.
        stop_on_collapse: Whether collapsed outputs end the run.
    """
    images = images_of(dataset, recipe, reporter, device)
    engine = engine_of_run(run, recipe, device, compiled=compiled, reporter=reporter)
    engine = replace(engine, world=world)
    context = Context(run, recipe, dataset, images, engine, seed, reporter, stop_on_collapse)
    lead(context)
    return context


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
    if dataset.classes:
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


def found(dataset: Dataset) -> list[str]:
    """Tell images, classes, what was decided about them, and what was left out.

    Args:
        dataset: What the user has.
    """
    images = by_use({name: len(getattr(dataset, name)) for name in SPLIT_NAMES}, dataset.classes)
    order = ("train", "unlabeled", "val", "test")
    counts = ", ".join(f"{images[name]} {name}" for name in order if images[name])
    classes = f"{len(dataset.classes)} classes" if dataset.classes else "no labels"
    lines = [f"{dataset.name}: {counts} images, {classes}.", *dataset.notes]
    if dataset.quarantined:
        lines.append(
            f"{len(dataset.quarantined)} file(s) cannot be used and are left out; the first: "
            f"{dataset.quarantined[0][0].name}: {dataset.quarantined[0][1]}."
        )
    return lines
