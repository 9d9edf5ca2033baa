"""The story of ``edgessl recipe``: from a folder of images to a network that can be exported."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgessl.backbones import deployable_payload
from edgessl.checkpoint import save
from edgessl.data.dataset import Dataset
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.distributed.session import joined
from edgessl.files import lasting
from edgessl.pipeline.arms import Trained, train_arms
from edgessl.pipeline.claim import identity_of, record, refuse_other, resume
from edgessl.pipeline.finetune.kept_start import keep_start, kept_last_stage
from edgessl.pipeline.finish import finish
from edgessl.pipeline.lengths import as_begun, fitted
from edgessl.pipeline.plan import Plan, make_plan
from edgessl.pipeline.preflight import begin, listed
from edgessl.pipeline.prepare import Asked, prepare
from edgessl.pipeline.pretrain import keep_views, load_pretrained, pretrain
from edgessl.pipeline.results import Run
from edgessl.pipeline.score.score_run import score_run
from edgessl.pipeline.source import Source, refuse_changed
from edgessl.recipe import Recipe
from edgessl.reporter import Reporter, speaking
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import (
    BASELINES,
    EVALUATE,
    FEATURES,
    FINETUNE,
    FROM_WEIGHTS,
    PRETRAIN,
    REPORT,
    START,
    VIEWS,
)
from edgessl.train.place.context import Context, once
from edgessl.train.place.processes import dismiss, follow


def run(
    recipe: str,
    *,
    data: str | Path,
    labels: str | Path | None = None,
    label_percent: float | None = None,
    labels_per_class: int | None = None,
    out: str | Path | None = None,
    epochs: int | None = None,
    minutes: float | None = None,
    seed: int = 0,
    size: int | None = None,
    reading: Reading = AS_FOUND,
    device: str = "auto",
    init: str = "none",
    baselines: Sequence[str] | None = None,
    overrides: Sequence[str] = (),
    fresh: bool = False,
    stop_on_collapse: bool = False,
    compiled: bool = False,
    reporter: Reporter | None = None,
    command: str = "",
) -> Run:
    """Pretrain on images, fine-tune on their labels, evaluate, and report.

    The same call again goes on where an earlier one stopped, or returns at once.

    Args:
        recipe: ``NAME``, ``NAME:VARIANT`` or a TOML file.
        data: A named set, ``demo``, a folder, or a CSV manifest.
        labels: Another source with the labelled images; None where ``data`` has them, or nothing.
        label_percent: Share of the training labels to use, in percent; None for all.
        labels_per_class: Or how many of each class.
        out: Run folder; None for ``runs/DATA-RECIPE``.
        epochs: Pretraining epochs in place of the recipe's; more of them extend a run.
        minutes: Time for the whole run, which sets the pretraining epochs once.
        seed: Decides everything random.
        size: Side of images in px; views, crops and fine-tuning keep their proportion to it. None
            for the recipe's.
        reading: How the folder or the table with the labels is to be read, where that is said.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        init: Weights to start from: ``none``, ``imagenet``, ``timm:NAME``, or a file.
        baselines: What to train for comparison: of ``random``, ``longer``, ``init`` (those weights,
            fine-tuned directly) and ``init-longer`` (for as long as all of ours takes), or
            ``("none",)``. None for ``random``, or with ``init`` for the two that start from it.
        overrides: ``KEY=VALUE`` changes to the recipe.
        fresh: Start over in a folder that has a run.
        stop_on_collapse: End the run when outputs collapse.
        compiled: Put backbones through ``torch.compile``.
        reporter: Is told what goes on; None prints it.
        command: The command as typed, for the report.

    Returns:
        The finished run: ``.path``, ``.scores``, ``.verdict``, ``.backbone()``.

    Raises:
        UserError: Something asked for cannot be used; every mistake is told at once.
        GateFailed: The loss stays not finite, or outputs have collapsed and that ends the run.
        Interrupted: Ctrl-C or SIGTERM, after saving.

    Examples:
        >>> import edgessl
        >>> run = edgessl.run("mobilenetv2-dino", data="photos", epochs=2)
        photos: ...
        >>> sorted(run.scores)
        ['finetune_top1', 'knn_top1', 'linear_top1']
        >>> run.path
        PosixPath('runs/photos-mobilenetv2-dino')
    """
    asked = Asked(
        recipe=recipe, data=str(data), labels=_text(labels), label_percent=label_percent,
        labels_per_class=labels_per_class, out=out, epochs=epochs, minutes=minutes, seed=seed,
        size=size, reading=reading, device=device, init=init,
        baselines=None if baselines is None else listed(baselines),
        overrides=listed(overrides), fresh=fresh, compiled=compiled,
    )  # fmt: skip
    with joined() as world, speaking(reporter) as tell:
        if not world.first:
            return Run(follow(world, device))
        ready = prepare(asked, world, tell)
        resolved, dataset, source = ready.recipe, ready.dataset, ready.source
        folder = RunFolder(ready.path)
        with folder.locked():
            begun = not fresh and bool(folder.read())
            if minutes is not None and begun:
                resolved = as_begun(folder, resolved, dataset, minutes, tell)
            start = _start(init, resolved, dataset)
            identity = identity_of(resolved, dataset, seed, start, reading)
            if begun:
                refuse_other(folder, resolved, identity, stage=PRETRAIN.name)
                refuse_changed(folder, source)
            elif source.refusal is not None:
                raise source.refusal
            context = begin(
                folder, resolved, dataset, ready.device, world, compiled=compiled, seed=seed,
                reporter=tell, stop_on_collapse=stop_on_collapse, fresh=fresh,
            )  # fmt: skip
            if minutes is not None and not begun:
                context = fitted(context, minutes, ready.baselines)
                start = _start(init, context.recipe, dataset)
                identity = identity_of(context.recipe, dataset, seed, start, reading)
            if fresh:  # after the last refusal: until then nothing is lost
                folder.clear()
            resume(context, identity, stage=PRETRAIN.name)
            came_from = {
                "labels": lasting(labels), "label_percent": label_percent,
                "labels_per_class": labels_per_class, **reading.said(),
                **source.provenance,
            }  # fmt: skip
            record(context, identity, came_from, minutes=minutes, facts=source.facts)
            _train(context, source, ready.baselines, command)
        dismiss(world)
        return Run(folder.path)


def plan(
    recipe: str,
    *,
    data: str | Path,
    labels: str | Path | None = None,
    label_percent: float | None = None,
    labels_per_class: int | None = None,
    out: str | Path | None = None,
    epochs: int | None = None,
    minutes: float | None = None,
    seed: int = 0,
    size: int | None = None,
    reading: Reading = AS_FOUND,
    device: str = "auto",
    init: str = "none",
    baselines: Sequence[str] | None = None,
    overrides: Sequence[str] = (),
    compiled: bool = False,
    reporter: Reporter | None = None,
) -> Plan | None:
    """Say what a run would take; train and write nothing.

    Args:
        recipe: As of ``run``, like all others.
        data: Where the images are.
        labels: Where the labels are.
        label_percent: Share of them.
        labels_per_class: Or how many of each class.
        out: Run folder; one that has a run tells what it computes with, and keeps its epochs.
        epochs: Pretraining epochs.
        minutes: Time for the whole run.
        seed: Chooses labels and images.
        size: Side of images in px.
        reading: How the images are to be read.
        device: Where it would train.
        init: Weights it would start from.
        baselines: What would be trained for comparison.
        overrides: Changes to the recipe.
        compiled: Whether backbones would be compiled.
        reporter: Is told what goes on; None prints it.

    Returns:
        What it would take; None on processes other than the first.
    """
    asked = Asked(
        recipe=recipe, data=str(data), labels=_text(labels), label_percent=label_percent,
        labels_per_class=labels_per_class, out=out, epochs=epochs, minutes=minutes, seed=seed,
        size=size, reading=reading, device=device, init=init,
        baselines=None if baselines is None else listed(baselines),
        overrides=listed(overrides), compiled=compiled,
    )  # fmt: skip
    with joined() as world, speaking(reporter) as tell:
        if not world.first:
            follow(world, device)
            return None
        ready = prepare(asked, world, tell)
        resolved, dataset, folder = ready.recipe, ready.dataset, RunFolder.unmade(ready.path)
        if minutes is not None and folder.read():
            resolved = as_begun(folder, resolved, dataset, minutes, tell)
        context = begin(
            folder, resolved, dataset, ready.device, world, compiled=compiled, seed=seed,
            reporter=tell,
        )  # fmt: skip
        if minutes is not None and not folder.read():
            context = fitted(context, minutes, ready.baselines)
        found_plan = make_plan(context, ready.baselines)
        dismiss(world)
        return found_plan


def _train(context: Context, source: Source, baselines: Sequence[str], command: str) -> None:
    """Do what is not yet done of a run, one stage after the other, and report."""
    dataset, folder, init = context.dataset, context.run, source.init
    if folder.read()["finished"].get(REPORT):
        context.reporter.say(f"{folder.path}: this run is done; --fresh starts it over.")
    if _needs_start(context, init, baselines):
        once(context, START, lambda: keep_start(context, init))
    once(context, VIEWS, lambda: keep_views(context))
    pretrained = once(
        context, PRETRAIN.name,
        lambda: dict(pretrain(context, source, kept_last_stage(context)).facts()),
    )  # fmt: skip
    trained: Trained = {PRETRAIN.name: pretrained}
    if dataset.classes and context.recipe.evaluate.finetunes:
        train_arms(context, trained, baselines)
    else:
        once(context, FEATURES, lambda: _keep_features(context))
    scores = score_run(context, baselines, init) if dataset.classes else {}
    weights = folder.read()["provenance"].get("weights")
    facts = scores if init == "none" else {"init": init, **scores}
    facts = {"weights": weights, **facts} if weights else facts
    finish(context, f"{dataset.name} · {context.recipe.name}", command, trained, facts)


def _needs_start(context: Context, init: str, baselines: Sequence[str]) -> bool:
    """Tell whether something is left to do with the weights."""
    if init == "none":
        return False
    left = [PRETRAIN.name]
    if context.dataset.classes and context.recipe.evaluate.protocols:
        left += [BASELINES[name].name for name in FROM_WEIGHTS if name in baselines]
        left += [EVALUATE] if len(context.dataset.test) else []
    return not context.run.read()["finished"].keys() >= {*left}


def _keep_features(context: Context) -> dict[str, Any]:
    """Without fine-tuning the pretrained backbone itself is what export reads."""
    payload = deployable_payload(
        load_pretrained(context),
        classes=(),
        preprocess=context.images.preprocess.to_dict(),
        provenance=context.run.read()["provenance"],
    )
    save(context.run.path / FINETUNE.file, payload)
    return {}


def _start(init: str, recipe: Recipe, dataset: Dataset) -> dict[str, str]:
    """Return what identifies a run's start, and labels from a file that may change."""
    if recipe.data.labels is None or dataset.lesson is None:
        return {"init": init}
    learned = repr((dataset.lesson.classes, dataset.lesson.labels)).encode()
    return {"init": init, "labels": hashlib.sha1(learned, usedforsecurity=False).hexdigest()}


def _text(source: str | Path | None) -> str | None:
    return None if source is None else str(source)
