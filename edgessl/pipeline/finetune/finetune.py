"""The story of ``edgessl finetune``: from a pretrained backbone and labels to a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgessl.data.reading import AS_FOUND, Reading
from edgessl.distributed.session import joined
from edgessl.files import lasting
from edgessl.pipeline.arms import Trained, train_arms
from edgessl.pipeline.claim import identity_of, record, refuse_other, resume
from edgessl.pipeline.finetune.lengths import as_begun, fitted
from edgessl.pipeline.finetune.plan import FinetunePlan, make_plan
from edgessl.pipeline.finetune.prepare import Asked, Prepared, prepare
from edgessl.pipeline.finish import finish
from edgessl.pipeline.preflight import begin, listed
from edgessl.pipeline.pretrain import keep_pretrained
from edgessl.pipeline.results import Run
from edgessl.pipeline.score.score_run import score_run
from edgessl.recipe import Recipe
from edgessl.reporter import Reporter, speaking
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import FINETUNE, REPORT, START
from edgessl.start.run_files import Start
from edgessl.train.place.context import Context, once
from edgessl.train.place.processes import dismiss, follow


def finetune(
    start: Run | str | Path,
    *,
    data: str | Path,
    unlabelled: str | Path | None = None,
    recipe: str | None = None,
    backbone: str | None = None,
    size: int | None = None,
    epochs: int | None = None,
    minutes: float | None = None,
    label_percent: float | None = None,
    labels_per_class: int | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    reading: Reading = AS_FOUND,
    device: str = "auto",
    baselines: Sequence[str] | None = None,
    overrides: Sequence[str] = (),
    fresh: bool = False,
    compiled: bool = False,
    reporter: Reporter | None = None,
    command: str = "",
) -> Run:
    """Fine-tune a pretrained backbone on labelled images, evaluate, and report.

    The same call again goes on where an earlier one stopped, or returns at once.

    Args:
        start: A run, or its ``pretrained.pt``, ``ckpt.pt`` or ``backbone.safetensors``; or general
            weights: ``imagenet:BACKBONE``, ``timm:NAME``, or a file of others.
        data: Labelled images: a named set, a folder, or a CSV manifest.
        unlabelled: Further images that are used without label, by a recipe with
            ``[finetune.semi]``.
        recipe: ``NAME``, ``NAME:VARIANT`` or a TOML file; None for the one beside the start, and
            for general weights the factory's.
        backbone: What a file of others holds; None to find out.
        size: Side of the images in px, for training and evaluation; None for the recipe's.
        epochs: Fine-tuning epochs in place of the recipe's; more of them extend a run.
        minutes: Or as many epochs as fit into this time, baselines included.
        label_percent: Share of the training labels to use, in percent; None for all.
        labels_per_class: Or how many of each class.
        out: Run folder; None for ``runs/DATA-finetune-START``.
        seed: Decides everything random.
        reading: How the folder or the table is to be read, where that is said.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        baselines: What to train for comparison: ``("random",)`` or ``("none",)``. None for
            ``random``, or with general weights for none: their linear probe stands beside.
        overrides: ``KEY=VALUE`` changes to the recipe.
        fresh: Start over in a folder that has a run.
        compiled: Put backbones through ``torch.compile``.
        reporter: Is told what goes on; None prints it.
        command: The command as typed, for the report.

    Returns:
        The finished run: ``.path``, ``.scores``, ``.verdict``, ``.backbone()``.

    Raises:
        UserError: Something asked for cannot be used; every mistake is told at once.
        GateFailed: The loss stays not finite.
        Interrupted: Ctrl-C or SIGTERM, after saving.

    Examples:
        >>> import edgessl
        >>> start = "runs/photos-mobilenetv2-dino/pretrained.pt"
        >>> tuned = edgessl.finetune(start, data="labelled", epochs=2)
        Starting from ...
        >>> tuned.scores["finetune_top1"].n  # test images
        4
    """
    asked = Asked(
        start=str(start.pretrained if isinstance(start, Run) else start), data=str(data),
        unlabelled=None if unlabelled is None else str(unlabelled), recipe=recipe,
        backbone=backbone, size=size, epochs=epochs, minutes=minutes, label_percent=label_percent,
        labels_per_class=labels_per_class, out=out, seed=seed, reading=reading, device=device,
        baselines=None if baselines is None else listed(baselines), overrides=listed(overrides),
        compiled=compiled,
    )  # fmt: skip
    with joined() as world, speaking(reporter) as tell:
        if not world.first:
            return Run(follow(world, device))
        ready = prepare(asked, world, tell)
        resolved, given = ready.recipe, ready.start
        folder = RunFolder(ready.path)
        with folder.locked():
            begun = not fresh and bool(folder.read())
            if minutes is not None and begun:
                resolved = as_begun(folder, resolved, ready.dataset, minutes, tell)
            identity = _identity(asked, ready, resolved)
            if begun:
                refuse_other(folder, resolved, identity, stage=FINETUNE.name)
            context = begin(
                folder, resolved, ready.dataset, ready.device, world, compiled=compiled, seed=seed,
                reporter=tell, fresh=fresh,
            )  # fmt: skip
            if minutes is not None and not begun:
                context = fitted(context, minutes, ready.baselines)
                identity = _identity(asked, ready, context.recipe)
            if fresh:  # after the last refusal: until then nothing is lost
                folder.clear()
            resume(context, identity, stage=FINETUNE.name)
            came_from = {
                "labels": None, "unlabelled": lasting(unlabelled), "label_percent": label_percent,
                "labels_per_class": labels_per_class, "start": asked.start, **reading.said(),
            }  # fmt: skip
            record(context, identity, {**came_from, **given.provenance}, minutes=minutes)
            kept = given.last_stage_weights
            once(context, START, lambda: keep_pretrained(context, ready.network, given.head, kept))
            _train(context, given, ready.baselines, command)
        dismiss(world)
        return Run(folder.path)


def plan(asked: Asked, *, reporter: Reporter | None = None) -> FinetunePlan | None:
    """Say what a fine-tuning would take; train and write nothing.

    Args:
        asked: As of ``finetune``.
        reporter: Is told what goes on; None prints it.

    Returns:
        What it would take; None on processes other than the first.

    Raises:
        UserError: Something asked for cannot be used; every mistake is told at once.
    """
    with joined() as world, speaking(reporter) as tell:
        if not world.first:
            follow(world, asked.device)
            return None
        ready = prepare(asked, world, tell)
        resolved, folder = ready.recipe, RunFolder.unmade(ready.path)
        begun = bool(folder.read())
        if asked.minutes is not None and begun:
            resolved = as_begun(folder, resolved, ready.dataset, asked.minutes, tell)
        context = begin(
            folder, resolved, ready.dataset, ready.device, world, compiled=asked.compiled,
            seed=asked.seed, reporter=tell,
        )  # fmt: skip
        if asked.minutes is not None and not begun:
            context = fitted(context, asked.minutes, ready.baselines)
        found = make_plan(context, ready.baselines)
        dismiss(world)
        return found


def _identity(asked: Asked, ready: Prepared, recipe: Recipe) -> dict[str, Any]:
    start = {"start": ready.start.fingerprint}
    return identity_of(recipe, ready.dataset, asked.seed, start, asked.reading)


def _train(context: Context, start: Start, baselines: Sequence[str], command: str) -> None:
    """Do what is not yet done of a run, one stage after the other, and report."""
    folder = context.run
    if folder.read()["finished"].get(REPORT):
        context.reporter.say(f"{folder.path}: this run is done; --fresh starts it over.")
    trained: Trained = {}
    train_arms(context, trained, baselines, extendable=True)
    scores = score_run(context, baselines)
    title = f"{context.dataset.name} · fine-tuned from {start.path}"
    about = {"file": str(start.path), "supervised": start.supervised, **start.provenance}
    facts = {"start": about, **scores}
    finish(context, title, command, trained, facts)
