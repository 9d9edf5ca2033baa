"""The story of a dense run: boxes or masks in, a trained and scored network and its report out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from edgessl import __version__
from edgessl.dense.answers import answers_of_finished
from edgessl.dense.images import SPLITS
from edgessl.dense.report import write_page
from edgessl.dense.task import Set, Task
from edgessl.dense.tasks import TASKS
from edgessl.dense.train import Work, open_trained, train
from edgessl.device import pick_device
from edgessl.distributed.session import joined
from edgessl.errors import Refusals, UserError
from edgessl.pipeline.dense.run import (
    STARTS,
    arms_of,
    as_given,
    identity_of,
    record,
    refuse_other,
    reopen,
)
from edgessl.pipeline.dense.scores import compare, network_facts, score
from edgessl.pipeline.results import Run
from edgessl.recipe.load_dense import task_of
from edgessl.reporter import Reporter, speaking
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import EVALUATE, REPORT, evaluated
from edgessl.start.source import NONE, open_weights
from edgessl.train import Engine
from edgessl.train.place.context import Workplace, once


def run(
    recipe: str,
    *,
    data: str | Path,
    out: str | Path | None = None,
    epochs: int | None = None,
    seed: int = 0,
    size: int | None = None,
    device: str = "auto",
    init: str = NONE,
    baselines: Sequence[str] = (),
    overrides: Sequence[str] = (),
    fresh: bool = False,
    reporter: Reporter | None = None,
    command: str = "",
) -> Run:
    """Train a detector or a segmenter, score it on ``test``, and report.

    The same call again goes on where an earlier one stopped, or returns at once.

    Args:
        recipe: ``NAME``, ``NAME:VARIANT`` or a TOML file of a detector or a segmenter.
        data: A folder with boxes in the layout of PASCAL VOC, COCO or YOLO; for a segmenter one
            of images and masks with ``classes.txt``.
        out: Run folder; None for ``runs/DATA-RECIPE``.
        epochs: In place of the recipe's.
        seed: Decides everything random.
        size: Side of images in px in place of the recipe's.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        init: Weights of the backbone to start from: ``none``, ``imagenet``, ``timm:NAME``, or a
            file, such as the ``pretrained.pt`` of a run.
        baselines: What to train for comparison: ``random``, ``imagenet``, both, or ``none``.
        overrides: ``KEY=VALUE`` changes to the recipe.
        fresh: Start over in a folder that has a run.
        reporter: Is told what goes on; None prints it.
        command: The command as typed, for the report.

    Returns:
        The finished run.

    Raises:
        UserError: Something asked for cannot be used.
    """
    task = _task(recipe)
    with joined() as world, speaking(reporter) as tell:
        if world.size > 1:
            raise UserError(
                f"--nproc-per-node: must be 1 for a {task.word}, got {world.size}; start one "
                "process"
            )
        refusals = Refusals()
        arms: list[str] = []
        with refusals:
            arms = arms_of(baselines, init)
        changes = [*overrides]
        changes += [] if size is None else [f"image.input_px={size}"]
        changes += [] if epochs is None else [f"train.epochs={epochs}"]
        table = None
        with refusals:
            table = task.learning.load_recipe(recipe, changes)
        here = "cpu"
        with refusals:
            here = pick_device(device)
        refusals.raise_all()
        assert table is not None
        given = None if init == NONE else open_weights(init, table.backbone.name)
        table = as_given(table, given)
        images = task.data.load(data, lambda done, total: tell.progress("read", done, total))
        for line in described(task, images):
            tell.say(line)
        path = Path(out or Path("runs") / f"{images.name}-{table.name.replace(':', '-')}")
        folder = RunFolder(path)
        with folder.locked():
            identity = identity_of(table, images, seed, init, given)
            if not fresh:
                refuse_other(folder, identity)
            else:
                folder.clear()
            place = Workplace(
                run=folder, engine=Engine(torch.device(here), torch.channels_last), seed=seed,
                reporter=tell,
            )
            record(place, table, images, identity, given)
            work = Work(task, place, table, images, folder.read()["provenance"])
            _stages(work, init, arms, command)
        return Run(path)


def _task(recipe: str) -> Task:
    name = task_of(recipe)
    if name is None:
        raise UserError(
            f"recipe: must be one of a detector or a segmenter, got '{recipe}'; see `edgessl list "
            "recipes`"
        )
    return TASKS[name]


def described(task: Task, images: Set) -> list[str]:
    """Tell images, classes, what was decided about them, and what was left out."""
    lines = [task.data.described(images), *images.notes]
    if images.left_out:
        where, why = images.left_out[0]
        lines.append(
            f"{len(images.left_out)} {task.data.left_out} cannot be used and are left out; the "
            f"first: {where}: {why}."
        )
    return lines


def _stages(work: Work, init: str, arms: Sequence[str], command: str) -> None:
    """Do what is not yet done, one stage after the other, and report."""
    place, task = work.place, work.task
    reopen(place, [task.arms[name].name for name in arms])
    if REPORT in place.run.read()["finished"]:
        place.reporter.say(f"{place.run.path}: this run is done; --fresh starts it over.")
    trained = {task.stage.name: once(place, task.stage.name,
                                     lambda: train(work, task.stage, init))}  # fmt: skip
    for name in arms:
        stage = task.arms[name]
        trained[stage.name] = once(place, stage.name, partial(train, work, stage, STARTS[name]))
    scored = once(place, EVALUATE, lambda: score(work, task.stage))
    others = {
        name: once(place, evaluated(name), partial(score, work, task.arms[name])) for name in arms
    }
    once(place, REPORT, lambda: _report(work, init, trained, scored, others, command))


def _report(
    work: Work, init: str, trained: dict[str, Any], scored: dict[str, Any],
    others: dict[str, Any], command: str,
) -> dict[str, Any]:
    task, place, images = work.task, work.place, work.images
    finished = open_trained(work, task.stage)
    checkpoint = shlex.quote(str(place.run.path / task.stage.file))
    document = {
        "edgessl": __version__,
        "task": task.name,
        "name": f"{images.name} · {work.recipe.name}",
        "command": command,
        "verdict": compare(work, init, scored, others),
        **scored,
        **{f"scores_{name}": one["scores"] for name, one in others.items()},
        "data": {
            "source": images.source, "layout": images.layout, "fingerprint": images.fingerprint,
            "classes": list(images.classes),
            "images": {name: len(images.split(name)) for name in SPLITS},
            "left_out": [list(one) for one in images.left_out], "notes": list(images.notes),
        },
        "recipe": work.recipe.model_dump(mode="json"),
        "init": init,
        "model": network_facts(work.recipe.backbone.name, finished),
        "throughput": {
            "seconds": {name: one["seconds"] for name, one in trained.items()},
            **{key: trained[task.stage.name][key] for key in ("images_per_s", "data_share")},
        },
        "device": place.run.read()["device"],
        "next": f"edgessl export {checkpoint} --onnx --int8",
    }  # fmt: skip
    place.run.write_json("report.json", document)
    answers = answers_of_finished(task, finished, torch.device("cpu"))
    write_page(task, place.run.path, document, images.test, finished.square, answers)
    return {}
