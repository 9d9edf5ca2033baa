"""What a dense run is asked to do, checked and read before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

import torch

from edgessl.dense.task import Set, Task
from edgessl.dense.tasks import TASKS
from edgessl.dense.work import Kind, Work
from edgessl.device import pick_device
from edgessl.distributed import ALONE, World
from edgessl.errors import Refusals, UserError
from edgessl.pipeline.dense.run import arms_of, as_given
from edgessl.pipeline.prepare import refuse_both
from edgessl.recipe.load_dense import task_of
from edgessl.reporter import Reporter
from edgessl.runs.folder import RunFolder
from edgessl.start.origin import Given
from edgessl.start.source import NONE, open_weights
from edgessl.train import Engine
from edgessl.train.place.context import Workplace
from edgessl.train.place.processes import device_of


@dataclass(frozen=True)
class Asked:
    """What the user asks for.

    Attributes:
        recipe: ``NAME``, ``NAME:VARIANT`` or a TOML file of a detector or a segmenter; or of a
            paper's, then also ``RECIPE:PROTOCOL``.
        data: A folder with boxes in the layout of PASCAL VOC, COCO or YOLO; for a segmenter one
            of images and masks with ``classes.txt``. A paper's may have a set's name.
        out: Run folder; None for ``runs/DATA-RECIPE``.
        epochs: In place of the recipe's.
        minutes: As much training as fits into this time here, in place of the recipe's.
        seed: Decides everything random.
        size: Side of images in px in place of the recipe's.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        init: Weights of the backbone to start from: ``none``, ``imagenet``, ``timm:NAME``, or a
            file, such as the ``pretrained.pt`` of a run.
        baselines: What to train for comparison: ``random``, ``imagenet``, both, or ``none``.
        overrides: ``KEY=VALUE`` changes to the recipe.
        iterations: Steps in place of a paper's.
        backbone: What a file of others holds; None to find out. Of a paper's recipe alone.
    """

    recipe: str
    data: str | Path
    out: str | Path | None = None
    epochs: int | None = None
    minutes: float | None = None
    seed: int = 0
    size: int | None = None
    device: str = "auto"
    init: str = NONE
    baselines: Sequence[str] = ()
    overrides: Sequence[str] = ()
    iterations: int | None = None
    backbone: str | None = None


@dataclass(frozen=True)
class Prepared(Generic[Kind]):
    """What it comes to.

    Attributes:
        task: Detection or segmentation.
        table: The recipe, resolved.
        images: The set.
        given: Weights to start from; None for random ones.
        arms: What is trained for comparison.
        path: The run folder.
        device: Where it trains.
        world: The processes that train it.
    """

    task: Kind
    table: Any
    images: Set
    given: Given | None
    arms: tuple[str, ...]
    path: Path
    device: str
    world: World = ALONE

    def work(
        self, asked: Asked, run: RunFolder, tell: Reporter, provenance: dict[str, Any]
    ) -> Work[Kind]:
        """Return what every training of the run shares."""
        place = Workplace(
            run=run, seed=asked.seed, reporter=tell,
            engine=Engine(
                device_of(self.device, self.world), torch.channels_last, world=self.world
            ),
        )  # fmt: skip
        return Work(self.task, place, self.table, self.images, provenance)


def prepare(asked: Asked, tell: Reporter) -> Prepared[Task]:
    """Check what is asked for, and read the images.

    Args:
        asked: By the user.
        tell: Is told what the images are.

    Raises:
        UserError: Something asked for cannot be used; mistakes that do not depend on each other
            are told at once.
    """
    task = _task(asked.recipe)
    refusals = Refusals()
    arms: list[str] = []
    with refusals:
        arms = arms_of(asked.baselines, asked.init)
    with refusals:
        refuse_both(asked.epochs, asked.minutes)
    changes = [*asked.overrides]
    changes += [] if asked.size is None else [f"image.input_px={asked.size}"]
    changes += [] if asked.epochs is None else [f"train.epochs={asked.epochs}"]
    table = None
    with refusals:
        table = task.learning.load_recipe(asked.recipe, changes)
    device = "cpu"
    with refusals:
        device = pick_device(asked.device)
    refusals.raise_all()
    assert table is not None
    given = None if asked.init == NONE else open_weights(asked.init, table.backbone.name)
    table = as_given(table, given)
    images = task.data.load(asked.data, lambda done, total: tell.progress("read", done, total))
    for line in [task.data.described(images), *beside(images, task.data.left_out)]:
        tell.say(line)
    path = Path(asked.out or Path("runs") / f"{images.name}-{table.name.replace(':', '-')}")
    return Prepared(task, table, images, given, tuple(arms), path, device)


def _task(recipe: str) -> Task:
    name = task_of(recipe)
    if name is None:
        raise UserError(
            f"recipe: must be one of a detector or a segmenter, got '{recipe}'; see `edgessl list "
            "recipes`"
        )
    return TASKS[name]


def beside(images: Set, left_out: str) -> list[str]:
    """Tell what was decided about images, and what was left out.

    Args:
        images: A ``DenseSet``.
        left_out: What may be left out, in words.
    """
    lines = [*images.notes]
    if images.left_out:
        where, why = images.left_out[0]
        lines.append(
            f"{len(images.left_out)} {left_out} cannot be used and are left out; the first: "
            f"{where}: {why}."
        )
    return lines
