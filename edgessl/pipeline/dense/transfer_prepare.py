"""What a transfer as in the papers is asked to do, checked and read before anything is trained."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from edgessl.backbones import Backbone
from edgessl.dense.transfer.scenes import Scene
from edgessl.dense.transfer.task import Set, TransferTask
from edgessl.dense.transfer.tasks import TRANSFERS
from edgessl.device import pick_device
from edgessl.errors import Refusals, UserError
from edgessl.pipeline.dense.prepare import Asked, Prepared, beside
from edgessl.pipeline.dense.run import arms_of, as_given
from edgessl.pipeline.prepare import refuse_both
from edgessl.recipe.load_transfer import (
    TransferRecipe,
    find_transfer,
    load_transfer,
    refuse_unknown,
)
from edgessl.reporter import Reporter
from edgessl.start.general import open_start
from edgessl.start.source import NONE, open_weights


def prepare_transfer(task: str, asked: Asked, tell: Reporter) -> Prepared[TransferTask]:
    """Check what is asked for, and read the images.

    Args:
        task: ``detect`` or ``segment``.
        asked: By the user.
        tell: Is told what the images are.

    Raises:
        UserError: Something asked for cannot be used; mistakes that do not depend on each other
            are told at once.
    """
    refusals = Refusals()
    arms: list[str] = []
    with refusals:
        arms = arms_of(asked.baselines, asked.init)
    with refusals:
        _refuse_two_lengths(asked)
    table = None
    with refusals:
        table = _resolved(task, asked)
    device = "cpu"
    with refusals:
        device = pick_device(asked.device)
    refusals.raise_all()
    assert table is not None
    given = None if asked.init == NONE else open_weights(asked.init, table.backbone.name)
    table, kind = as_given(table, given), TRANSFERS[task]
    loaded = kind.load(asked.data, lambda done, total: tell.progress("read", done, total))
    kind.refuse_unfit(table, loaded)
    table = _for_passes(table, asked.epochs, len(loaded.train))
    for line in described(loaded):
        tell.say(line)
    path = Path(asked.out or Path("runs") / f"{loaded.name}-{table.name.replace(':', '-')}")
    return Prepared(kind, table, loaded, given, tuple(arms), path, device)


def described(loaded: Set) -> list[str]:
    """Tell images, objects, what was decided about them, and what was left out."""
    parts = []
    for name, images in (("train", loaded.train), ("test", loaded.test)):
        objects = [len(one.labels) for one in images if isinstance(one, Scene)]
        parts.append(f"{len(images)} {name}{f' ({sum(objects)} objects)' if objects else ''}")
    return [
        f"{loaded.name}: {', '.join(parts)} images, {len(loaded.classes)} classes, "
        f"{loaded.layout}.",
        *beside(loaded, "box(es) or file(s)"),
    ]


def _refuse_two_lengths(asked: Asked) -> None:
    refuse_both(asked.epochs, asked.minutes)
    other = "--epochs" if asked.epochs is not None else "--minutes"
    if asked.iterations is not None and (asked.epochs, asked.minutes) != (None, None):
        raise UserError(f"{other}: must be left out with --iterations, got both")


def _resolved(task: str, asked: Asked) -> TransferRecipe:
    named = find_transfer(asked.recipe)
    if named is None:
        raise refuse_unknown(asked.recipe, task)
    held = asked.backbone
    if asked.init != NONE:
        held = open_start(asked.init, asked.backbone).backbone
    changes = [*asked.overrides]
    if asked.size is not None:
        changes += [f"image.train_px=[{asked.size}]", f"image.test_px={asked.size}"]
        # The longer side is bounded as in the papers: 1333 for 800; a crop is as wide as high.
        changes.append(
            f"image.max_px={math.ceil(asked.size * 1333 / 800)}" if task == "detect"
            else f"image.window_px=[{asked.size},{asked.size}]"
        )
    if asked.iterations is not None:
        changes.append(f"train.iterations={asked.iterations}")
    table = load_transfer(named, changes, held)
    if table.task != task:
        raise UserError(
            f"--recipe: must be one of --task {task}, got '{asked.recipe}', which is of --task "
            f"{table.task}"
        )
    if held not in (None, table.backbone.name):
        raise UserError(
            f"{asked.init}: must hold {table.backbone.name} for {table.name}, got {held}; pass a "
            "recipe of that backbone"
        )
    TRANSFERS[task].build(Backbone(table.backbone.name), 1, table)  # refuses what has no such maps
    return table


def _for_passes(table: TransferRecipe, epochs: int | None, images: int) -> TransferRecipe:
    """Let a run be as long as some passes over its images, and no step larger than all of them."""
    size = min(table.train.batch_size, images)
    changes: dict[str, Any] = {"batch_size": size}
    if epochs is not None:
        changes["iterations"] = max(1, epochs * images // size)
    return table.model_copy(update={"train": table.train.model_copy(update=changes)})
