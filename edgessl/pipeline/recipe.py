"""The story of ``edgessl recipe``: from a folder of images to a network that can be exported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from edgessl.backbones import deployable_payload
from edgessl.checkpoint import save
from edgessl.data.dataset import Dataset
from edgessl.data.load import load_dataset
from edgessl.distributed import World
from edgessl.distributed.session import joined
from edgessl.errors import UserError
from edgessl.pipeline.claim import claim
from edgessl.pipeline.contact_sheet import save_contact_sheet
from edgessl.pipeline.finetuning import (
    LONGER_STAGE,
    RANDOM_STAGE,
    baseline_epochs,
    finetune,
    train_baseline,
)
from edgessl.pipeline.finish import finish, score_run
from edgessl.pipeline.plan import describe_plan, make_plan, pretraining_epochs
from edgessl.pipeline.preflight import check_lengths, check_sizes, found
from edgessl.pipeline.pretrain import load_pretrained, pretrain
from edgessl.recipe import Recipe, load_recipe
from edgessl.recipe.stages import pretrain_stages, with_epochs
from edgessl.runs.folder import RunFolder
from edgessl.train.place.choose_engine import engine_of_run
from edgessl.train.place.context import Context, once
from edgessl.train.place.followers import dismiss, follow, lead
from edgessl.train.place.images import images_of
from edgessl.train.place.processes import check_batches, check_compiled, device_of
from edgessl.train.place.reporter import Reporter
from edgessl.train.stage.timing import Meter

BASELINES = ("random", "longer", "none")


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for.

    Attributes:
        recipe: ``NAME``, ``NAME:VARIANT`` or a TOML file.
        data: ``--data``.
        labels: ``--labels``, or None.
        label_percent: ``--label-percent``, or None.
        out: Run folder, or None for ``runs/DATA-RECIPE``.
        epochs: Pretraining epochs in place of the recipe's, or None.
        minutes: Time that sets the pretraining epochs, or None.
        seed: Decides everything random.
        device: One of ``device.NAMES``.
        init: Where the first weights come from.
        baselines: Members of ``BASELINES``.
        overrides: ``KEY=VALUE`` changes to the recipe.
        fresh: Start over in a folder that has a run.
        stop_on_collapse: End the run when outputs collapse.
        compiled: Put backbones through ``torch.compile``.
        command: The command as typed, to be repeated.
    """

    recipe: str
    data: str
    labels: str | None = None
    label_percent: float | None = None
    out: Path | None = None
    epochs: int | None = None
    minutes: float | None = None
    seed: int = 0
    device: str = "auto"
    init: str = "none"
    baselines: tuple[str, ...] = ("random",)
    overrides: tuple[str, ...] = ()
    fresh: bool = False
    stop_on_collapse: bool = False
    compiled: bool = False
    command: str = ""


def plan_recipe(request: Request, reporter: Reporter) -> str:
    """Say what a run would take; train and write nothing.

    Args:
        request: What the user asked for.
        reporter: Tells the user.
    """
    with joined() as world:
        if not world.first:
            follow(world, request.device)
            return ""
        dataset, recipe, device = _prepare(request, reporter, world)
        run = RunFolder.unmade(_folder(request, dataset, recipe))
        context = _context(run, dataset, recipe, device, request, reporter, world)
        plan = describe_plan(make_plan(context, request.baselines), context.recipe)
        dismiss(world)
        return plan


def run_recipe(request: Request, reporter: Reporter) -> dict[str, Any]:
    """Pretrain, fine-tune, evaluate and report; go on where an earlier run of it stopped.

    Args:
        request: What the user asked for.
        reporter: Tells the user.

    Returns:
        The content of ``report.json``; nothing on processes other than the first.

    Raises:
        UserError: Something in the request cannot be used.
        Interrupted: Ctrl-C or SIGTERM, after saving.
        ProcessLost: Another process of the run has ended.
    """
    with joined() as world:
        if not world.first:
            follow(world, request.device)
            return {}
        dataset, recipe, device = _prepare(request, reporter, world)
        run = RunFolder(_folder(request, dataset, recipe))
        with run.locked():
            if request.fresh:
                run.clear()
            context = _context(run, dataset, recipe, device, request, reporter, world)
            _claim(context, request)
            report = _run_stages(context, request)
        dismiss(world)
        return report


def _context(
    run: RunFolder,
    dataset: Dataset,
    recipe: Recipe,
    device: torch.device,
    request: Request,
    reporter: Reporter,
    world: World,
) -> Context:
    """Put together what all stages share, on all processes, and settle how long it takes."""
    images = images_of(dataset, recipe, reporter, device)
    engine = engine_of_run(run, recipe, device, compiled=request.compiled, reporter=reporter)
    engine = replace(engine, world=world)
    context = Context(
        run, recipe, dataset, images, engine, request.seed, reporter, request.stop_on_collapse
    )
    lead(context)
    return _settle_epochs(context, request)


def _folder(request: Request, dataset: Dataset, recipe: Recipe) -> Path:
    return request.out or Path("runs") / f"{dataset.name}-{recipe.name.replace(':', '-')}"


def _prepare(
    request: Request, reporter: Reporter, world: World
) -> tuple[Dataset, Recipe, torch.device]:
    """Check everything that can be checked before any work."""
    for baseline in request.baselines:
        if baseline not in BASELINES:
            raise UserError(
                f"--baselines: must be of {', '.join(BASELINES)}, got '{baseline}'"
            )
    device = device_of(request.device, world)
    # Before the images are read: a recipe's mistakes come first, and it says how to split them.
    draft = load_recipe(request.recipe, overrides=request.overrides)
    dataset = load_dataset(
        request.data,
        labels=request.labels,
        label_percent=request.label_percent,
        val_percent=draft.data.val_percent,
        max_images=draft.data.max_images,
        seed=request.seed,
        progress=lambda done, total: reporter.progress("checking images", done, total),
    )
    conditions = {
        "data": dataset.name, "device": device.type, "images": len(dataset.pretraining),
    }
    recipe = load_recipe(request.recipe, conditions=conditions, overrides=request.overrides)
    if request.epochs is not None:
        recipe = with_epochs(recipe, request.epochs, f"--epochs {request.epochs}")
        if sentence := _shares(recipe):
            reporter.say(f"--epochs {request.epochs}: {sentence}")
    if (sentence := recipe.method.refuses_start()) and request.init != "none":
        raise UserError(f"--init {request.init}: must be left out, because {sentence}")
    check_sizes(recipe)
    check_batches(recipe, dataset, world)
    check_compiled(recipe, world, compiled=request.compiled)
    for sentence in found(dataset):
        reporter.say(sentence)
    if dataset.tags:
        reporter.say(
            "Several labels an image: this run pretrains only, and keeps the backbone; "
            "edgessl eval --protocol map scores it."
        )
    elif not dataset.classes:
        reporter.say("No labels: this run pretrains only, and keeps the backbone.")
    return dataset, recipe, device


def _settle_epochs(context: Context, request: Request) -> Context:
    """Turn ``--minutes`` into epochs, once: a run that was begun keeps those it has.

    Raises:
        UserError: The recipe's durations do not fit into the epochs.
    """
    if request.minutes is None:
        check_lengths(context.recipe, context.dataset)
        return context
    known = context.run.read()
    if known:
        epochs = int(known["identity"]["recipe"]["pretrain"]["epochs"])
        if known.get("minutes") != request.minutes or known.get("extended"):
            context.reporter.say(
                f"--minutes {request.minutes:g}: this run keeps the {epochs} pretraining epochs "
                "that it has; --epochs can make it longer."
            )
    else:
        epochs = pretraining_epochs(context, request.minutes)
        context.reporter.say(f"{request.minutes:g} minutes are {epochs} pretraining epochs here.")
    recipe = with_epochs(context.recipe, epochs, f"--minutes {request.minutes:g}")
    if sentence := _shares(recipe):
        context.reporter.say(sentence)
    check_lengths(recipe, context.dataset)
    return replace(context, recipe=recipe)


def _shares(recipe: Recipe) -> str:
    """Say how many epochs each stage of pretraining gets; nothing about a single one."""
    stages = pretrain_stages(recipe)
    if len(stages) == 1:
        return ""
    return f"{', '.join(f'{stage.name} gets {stage.epochs}' for stage in stages)} epochs."


def _claim(context: Context, request: Request) -> None:
    claim(
        context,
        {"init": request.init},
        {"labels": request.labels, "label_percent": request.label_percent},
        stage="pretrain",
        minutes=request.minutes,
    )


def _run_stages(context: Context, request: Request) -> dict[str, Any]:
    dataset, run = context.dataset, context.run
    if run.read()["finished"].get("report"):
        context.reporter.say(f"{run.path}: this run is done; --fresh starts it over.")
    stages: dict[str, dict[str, Any]] = {}

    def train(name: str, work: Callable[[], Meter]) -> None:
        stages[name] = once(context, name, lambda: dict(work().facts()))

    once(context, "views", lambda: save_contact_sheet(context))
    train("pretrain", lambda: pretrain(context, request.init))
    if dataset.classes:
        train("finetune", lambda: finetune(context, load_pretrained(context)))
        if "random" in request.baselines:
            epochs = baseline_epochs(context)
            train(
                "finetune_random",
                lambda: train_baseline(context, "random", RANDOM_STAGE, epochs),
            )
        if "longer" in request.baselines:
            train("finetune_longer", lambda: _train_longer(context, stages))
        scores = score_run(context, request.baselines)
    else:
        scores = once(context, "evaluate", lambda: _keep_features(context))
    name = f"{dataset.name} · {context.recipe.name}"
    return finish(context, name, request.command, stages, scores)


def _train_longer(context: Context, stages: dict[str, dict[str, Any]]) -> Meter:
    """Fine-tune a random start for as long as all stages of ours took together."""
    document = context.run.read()
    if "longer_epochs" not in document:
        ours = stages["pretrain"]["seconds"] + stages["finetune"]["seconds"]
        ours += document["finished"].get("warmup", {}).get("seconds", 0.0)
        rate = stages["finetune"]["images_per_s"]
        document["longer_epochs"] = max(1, round(ours * rate / len(context.dataset.train)))
        context.run.write(document)
    return train_baseline(context, "longer", LONGER_STAGE, document["longer_epochs"])


def _keep_features(context: Context) -> dict[str, Any]:
    """Without labels the pretrained backbone itself is what export reads."""
    payload = deployable_payload(
        load_pretrained(context),
        classes=(),
        preprocess=context.images.preprocess.to_dict(),
        provenance=context.run.read()["provenance"],
    )
    save(context.run.path / "ckpt.pt", payload)
    return {}
