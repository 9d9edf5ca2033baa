"""What is checked and said before any work starts; every mistake is told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil

import torch

from edgessl.data.dataset import SPLIT_NAMES, Dataset, by_use
from edgessl.data.hierarchy import find_hierarchy, read_hierarchy
from edgessl.data.load import load_dataset, refuse_unknown
from edgessl.data.pretraining import Choice, choose_pretraining
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.distributed import World
from edgessl.errors import Refusals, UserError
from edgessl.pipeline.score.neighbours import about_neighbours, busy_cores
from edgessl.pipeline.size import sized
from edgessl.recipe import Recipe, load_recipe
from edgessl.reporter import Reporter
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import BASELINES
from edgessl.train import steps_per_epoch
from edgessl.train.place.choose_engine import engine_of, engine_of_run
from edgessl.train.place.context import Context
from edgessl.train.place.images import images_of
from edgessl.train.place.processes import device_of, lead


def listed(names: str | Sequence[str]) -> tuple[str, ...]:
    """Take one name alone for a list of one, so that it is not read letter by letter.

    Args:
        names: A name, or several.
    """
    return (names,) if isinstance(names, str) else tuple(names)


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
    sources: Mapping[str, str],
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
        sources: What was given for images, by option, such as ``--data``.
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
    for option, source in sources.items():
        with refusals:
            refuse_unknown(source, option)
    with refusals:
        draft = load_recipe(recipe, overrides=overrides)
    refusals.raise_all()
    return draft, here


def images_for(
    recipe: Recipe,
    data: str,
    *,
    labels: str | None = None,
    unlabelled: str | None = None,
    label_percent: float | None = None,
    labels_per_class: int | None = None,
    seed: int,
    reading: Reading = AS_FOUND,
    reporter: Reporter,
    pretrains: bool = True,
) -> Dataset:
    """Find, check and split the images of a run as its recipe says.

    Args:
        recipe: Says how many are held out, what pretraining sees, and which labels it learns.
        data: ``--data``.
        labels: ``--labels``, or None.
        unlabelled: ``--unlabelled``, or None.
        label_percent: ``--label-percent``, or None.
        labels_per_class: ``--labels-per-class``, or None.
        seed: Chooses labels and images.
        reading: ``--layout``, ``--splits`` and ``--column``.
        reporter: Shows progress.
        pretrains: Whether the run pretrains, or only fine-tunes, on all that have labels.

    Raises:
        UserError: The images cannot be used.
    """
    dataset = load_dataset(
        data,
        labels=labels,
        unlabelled=unlabelled,
        label_percent=label_percent,
        labels_per_class=labels_per_class,
        val_percent=recipe.data.val_percent,
        val_group=recipe.data.val_group,
        seed=seed,
        reading=reading,
        progress=lambda done, total: reporter.progress("checking images", done, total),
    )
    if not pretrains:
        return dataset
    learned = _learned(recipe, dataset, labels or data)
    choice = Choice(recipe.data.max_images, recipe.data.max_classes, learned)
    return choose_pretraining(dataset, choice, seed)


def _learned(recipe: Recipe, dataset: Dataset, source: str) -> dict[str, str] | None:
    """Return the label that pretraining learns of every class; None if it learns without any."""
    if not recipe.method.learns_labels():
        return None
    table, classes = recipe.data, dataset.classes
    if table.labels is None or not classes:
        return {name: name for name in classes}
    return read_hierarchy(find_hierarchy(source, table.hierarchy), table.labels, classes)


def recipe_for(
    name: str, overrides: Sequence[str], dataset: Dataset, device: torch.device,
    size: int | None = None,
) -> Recipe:
    """Resolve a recipe with the variants that data and device choose.

    Args:
        name: ``NAME``, ``NAME:VARIANT`` or a TOML file.
        overrides: ``KEY=VALUE`` changes to it.
        dataset: Its name and number of images.
        device: Where it trains.
        size: Side of images in place of the recipe's.

    Returns:
        The recipe; its epochs of fine-tuning are those of ``finetune.min_steps`` where that is
        more and the user names none.
    """
    conditions = {
        "data": dataset.name, "device": device.type, "images": len(dataset.pretraining),
    }
    recipe = load_recipe(name, conditions=conditions, overrides=overrides)
    own_size = any(_key(one) == "image.crop_px" for one in overrides)
    scaled_px = None if own_size else recipe.image.scaled_px
    if changes := sized(recipe, scaled_px if size is None else size):
        recipe = load_recipe(name, conditions=conditions, overrides=(*changes, *overrides))
    asked = any(_key(one) == "finetune.epochs" for one in overrides)
    return recipe if asked else _long_enough(recipe, len(dataset.train))


def _key(override: str) -> str:
    return override.partition("=")[0].strip()


def _long_enough(recipe: Recipe, labelled: int) -> Recipe:
    """Raise the epochs of fine-tuning where few labels would make them few steps."""
    table = recipe.finetune
    if table.min_steps is None or not labelled:
        return recipe
    epochs = ceil(table.min_steps / steps_per_epoch(labelled, table.batch_size))
    if epochs <= table.epochs:
        return recipe
    return recipe.model_copy(update={"finetune": table.raised_to(epochs)})


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
    fresh: bool = False,
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
        fresh: Whether what the folder has, and computed with, is given up.
    """
    images = images_of(dataset, recipe, reporter, device)
    if fresh:
        engine = engine_of(recipe, device, compiled=compiled, reporter=reporter)
    else:
        engine = engine_of_run(run, recipe, device, compiled=compiled, reporter=reporter)
    engine = replace(engine, world=world)
    context = Context(
        run=run, recipe=recipe, dataset=dataset, images=images, engine=engine, seed=seed,
        reporter=reporter, stop_on_collapse=stop_on_collapse,
    )
    lead(context)
    if device.type == "cpu" and world.size == 1:
        threads = torch.get_num_threads()
        if told := about_neighbours(threads, busy_cores() if threads > 1 else 0.0):
            reporter.say(told)
    return context


def found(dataset: Dataset) -> list[str]:
    """Tell images, classes, what was decided about them, and what was left out.

    Args:
        dataset: What the user has.
    """
    images = by_use({name: len(getattr(dataset, name)) for name in SPLIT_NAMES}, dataset.classes)
    order = ("train", "unlabeled", "val", "test")
    counts = ", ".join(f"{images[name]} {name}" for name in order if images[name])
    classes = f"{len(dataset.classes)} classes" if dataset.classes else "no labels"
    if dataset.tags:
        classes += ", several labels an image"
    lines = [f"{dataset.name}: {counts} images, {classes}.", *dataset.notes]
    if dataset.quarantined:
        lines.append(
            f"{len(dataset.quarantined)} file(s) cannot be used and are left out; the first: "
            f"{dataset.quarantined[0][0].name}: {dataset.quarantined[0][1]}."
        )
    return lines
