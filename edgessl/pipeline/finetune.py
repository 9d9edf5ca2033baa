"""The story of ``edgessl finetune``: from a pretrained backbone and labels to a classifier."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgessl.backbones import Backbone
from edgessl.data.dataset import Dataset
from edgessl.data.load import load_dataset
from edgessl.distributed import World
from edgessl.distributed.session import joined
from edgessl.errors import UserError
from edgessl.pipeline.claim import claim
from edgessl.pipeline.finetuning import RANDOM_STAGE, baseline_epochs, finetune, train_baseline
from edgessl.pipeline.finish import finish, score_run
from edgessl.pipeline.preflight import check_lengths, check_sizes, found
from edgessl.pipeline.pretrain import keep_pretrained, load_pretrained
from edgessl.recipe import Recipe, load_recipe
from edgessl.runs.folder import RunFolder
from edgessl.start.kept_head import check_head, wanted_layers
from edgessl.start.weights import Start, read_start
from edgessl.train.place.choose_engine import engine_of_run
from edgessl.train.place.context import Context, once
from edgessl.train.place.followers import dismiss, follow, lead
from edgessl.train.place.images import images_of
from edgessl.train.place.processes import check_batches, check_compiled, device_of
from edgessl.train.place.reporter import Reporter
from edgessl.train.stage.timing import Meter

BASELINES = ("random", "none")


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for.

    Attributes:
        checkpoint: ``pretrained.pt``, ``ckpt.pt`` or ``backbone.safetensors`` of a run.
        data: ``--data``: labelled images.
        recipe: ``NAME``, ``NAME:VARIANT`` or a TOML file; None for the one beside the checkpoint.
        epochs: Fine-tuning epochs in place of the recipe's, or None.
        label_percent: ``--label-percent``, or None.
        out: Run folder, or None for ``runs/DATA-finetune-RUN``.
        seed: Decides everything random.
        device: One of ``device.NAMES``.
        baselines: Members of ``BASELINES``.
        overrides: ``KEY=VALUE`` changes to the recipe.
        fresh: Start over in a folder that has a run.
        compiled: Put backbones through ``torch.compile``.
        command: The command as typed, to be repeated.
    """

    checkpoint: Path
    data: str
    recipe: str | None = None
    epochs: int | None = None
    label_percent: float | None = None
    out: Path | None = None
    seed: int = 0
    device: str = "auto"
    baselines: tuple[str, ...] = ("random",)
    overrides: tuple[str, ...] = ()
    fresh: bool = False
    compiled: bool = False
    command: str = ""


def run_finetune(request: Request, reporter: Reporter) -> dict[str, Any]:
    """Fine-tune, evaluate and report; go on where an earlier run of it stopped.

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
        report = _run(request, reporter, world)
        dismiss(world)
        return report


def _run(request: Request, reporter: Reporter, world: World) -> dict[str, Any]:
    _refuse_baselines(request.baselines)
    device = device_of(request.device, world)
    start = read_start(request.checkpoint)
    draft = _recipe(request, start, None)  # mistakes first, images later
    dataset = _labelled(request, draft.data.val_percent, reporter)
    recipe = _recipe(request, start, {
        "data": dataset.name, "device": device.type, "images": len(dataset.pretraining),
    })  # fmt: skip
    check_lengths(recipe, dataset, pretrains=False)
    check_sizes(recipe, pretrains=False)
    check_batches(recipe, dataset, world, pretrains=False)
    check_compiled(recipe, world, compiled=request.compiled, pretrains=False)
    backbone = start.build(recipe.image.crop_px)
    check_head(start.head, wanted_layers(recipe, backbone), str(start.path))
    reporter.say(_origin(start, recipe, backbone))
    for sentence in found(dataset):
        reporter.say(sentence)
    run = RunFolder(request.out or _default_out(request, dataset))
    with run.locked():
        if request.fresh:
            run.clear()
        images = images_of(dataset, recipe, reporter, device)
        engine = engine_of_run(run, recipe, device, compiled=request.compiled, reporter=reporter)
        engine = replace(engine, world=world)
        context = Context(run, recipe, dataset, images, engine, request.seed, reporter)
        lead(context)
        claim(
            context,
            {"start": start.fingerprint},
            {"labels": None, "label_percent": request.label_percent, "start": str(start.path)},
            stage="finetune",
        )
        once(context, "start", lambda: keep_pretrained(context, backbone, start.head))
        return _run_stages(context, request, start)


def _refuse_baselines(baselines: tuple[str, ...]) -> None:
    for baseline in baselines:
        if baseline not in BASELINES:
            raise UserError(f"--baselines: must be of {', '.join(BASELINES)}, got '{baseline}'")


def _recipe(request: Request, start: Start, conditions: dict[str, Any] | None) -> Recipe:
    """Resolve the recipe for the network at hand.

    Args:
        request: Names the recipe, or leaves it to the run.
        start: Its run folder may record a recipe; its last stage is removed or not, and its BN's
            epsilon goes on.
        conditions: Facts that choose variants, once they are known.
    """
    name = request.recipe
    if name is None:
        recorded = start.path.parent / "recipe.toml"
        if not recorded.is_file():
            raise UserError(
                f"{start.path}: must lie in a run folder with a recipe.toml, found none beside it; "
                "name one with --recipe, such as --recipe mobilenetv2-dino"
            )
        name = str(recorded)
    overrides = [*request.overrides]
    if request.epochs is not None:
        overrides.append(f"finetune.epochs={request.epochs}")
    last_stage = _last_stage(load_recipe(name, conditions=conditions, overrides=overrides), start)
    overrides.append(f"backbone.last_stage={last_stage}")
    if start.batchnorm_eps is not None:
        overrides.append(f"backbone.batchnorm_eps={start.batchnorm_eps}")
    recipe = load_recipe(name, conditions=conditions, overrides=overrides)
    if recipe.backbone.name != start.backbone:
        raise UserError(
            f"--recipe: must be for {start.backbone}, which {start.path} holds, got "
            f"{recipe.name} for {recipe.backbone.name}; name another recipe"
        )
    return recipe


def _last_stage(recipe: Recipe, start: Start) -> str:
    """Return what the start says of the last stage; only pretrained weights of one are dropped."""
    if start.last_stage == "keep" and recipe.backbone.last_stage == "drop" and not start.supervised:
        return "drop"
    return start.last_stage


def _labelled(request: Request, val_percent: float, reporter: Reporter) -> Dataset:
    dataset = load_dataset(
        request.data,
        label_percent=request.label_percent,
        val_percent=val_percent,
        seed=request.seed,
        progress=lambda done, total: reporter.progress("checking images", done, total),
    )
    if dataset.tags:
        names = f"{shlex.quote(str(request.checkpoint))} --data {shlex.quote(request.data)}"
        raise UserError(
            f"{dataset.source}: must have one label an image to fine-tune on, found images with "
            f"several; score the frozen network by edgessl eval {names} --protocol map"
        )
    if not dataset.classes:
        raise UserError(
            f"{dataset.source}: must have labels to fine-tune on, found none; "
            "give one folder per class, or a manifest with labels"
        )
    return dataset


def _origin(start: Start, recipe: Recipe, backbone: Backbone) -> str:
    what = "the backbone of the classifier " if start.supervised else ""
    done = {"keep": "", "remove": "removed", "drop": "dropped"}[recipe.backbone.last_stage]
    stage = f", its last stage {done}" if done else ""
    told = f"Starting from {what}{start.path}: {start.backbone}{stage}."
    px = recipe.image.crop_px
    if backbone.fixed_px and start.image_px not in (None, px):
        told += f" Its position embeddings are resampled from {start.image_px} to {px} px."
    return told


def _default_out(request: Request, dataset: Dataset) -> Path:
    run_name = request.checkpoint.absolute().parent.name
    return Path("runs") / f"{dataset.name}-finetune-{run_name}"


def _run_stages(context: Context, request: Request, start: Start) -> dict[str, Any]:
    run = context.run
    if run.read()["finished"].get("report"):
        context.reporter.say(f"{run.path}: this run is done; --fresh starts it over.")
    stages: dict[str, dict[str, Any]] = {}

    def train(name: str, work: Callable[[], Meter]) -> None:
        stages[name] = once(context, name, lambda: dict(work().facts()))

    train("finetune", lambda: finetune(context, load_pretrained(context), extendable=True))
    if "random" in request.baselines:
        epochs = baseline_epochs(context)
        train("finetune_random", lambda: train_baseline(context, "random", RANDOM_STAGE, epochs))
    scores = score_run(context, request.baselines)
    name = f"{context.dataset.name} · fine-tuned from {start.path}"
    facts = {"start": {"file": str(start.path), "supervised": start.supervised}, **scores}
    return finish(context, name, request.command, stages, facts)
