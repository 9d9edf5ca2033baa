"""The story of ``edgessl finetune``: from a pretrained backbone and labels to a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgessl.backbones import Backbone
from edgessl.data.dataset import Dataset
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.distributed.session import joined
from edgessl.errors import Refusals, UserError
from edgessl.files import lasting
from edgessl.pipeline.arms import Trained, train_arms
from edgessl.pipeline.claim import identity_of, record, refuse_other, resume
from edgessl.pipeline.finetune.semi import refuse_idle
from edgessl.pipeline.finish import finish, score_run
from edgessl.pipeline.misfits import refuse_misfits
from edgessl.pipeline.preflight import begin, found, images_for, listed, options, recipe_for
from edgessl.pipeline.pretrain import keep_pretrained
from edgessl.pipeline.results import Run
from edgessl.pipeline.weights_recipe import brought_along, recipe_for_weights
from edgessl.recipe import Recipe
from edgessl.recipe.evaluate_table import EvaluateTable
from edgessl.reporter import Reporter, speaking
from edgessl.runs.folder import RunFolder
from edgessl.runs.snapshots import run_of
from edgessl.runs.stages import FINETUNE, REPORT, START
from edgessl.start.general import open_start
from edgessl.start.kept_head import check_head, wanted_layers
from edgessl.start.run_files import Start
from edgessl.train.place.context import Context, once
from edgessl.train.place.processes import dismiss, follow

BASELINES = ("random",)
"""What a fine-tuning is compared with: there is no time of pretraining that another may have."""


def finetune(
    start: Run | str | Path,
    *,
    data: str | Path,
    unlabelled: str | Path | None = None,
    recipe: str | None = None,
    backbone: str | None = None,
    size: int | None = None,
    epochs: int | None = None,
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
    source = str(start.pretrained if isinstance(start, Run) else start)
    overrides = listed(overrides)
    with joined() as world, speaking(reporter) as tell:
        if not world.first:
            return Run(follow(world, device))
        given, refusals = open_start(source, backbone), Refusals()
        baselines = listed(_default_baselines(given) if baselines is None else baselines)
        name = _recipe_for(given, recipe)
        overrides = (*brought_along(given, recipe), *overrides)
        sources = [str(one) for one in (data, unlabelled) if one is not None]
        draft, here = options(
            name, overrides, baselines, device, sources, world, refusals, known=BASELINES
        )
        if unlabelled is not None:
            refuse_idle(draft, str(unlabelled))
        changed = (*overrides, *changes_for(given, draft, epochs))
        dataset = images_for(
            draft, str(data), unlabelled=None if unlabelled is None else str(unlabelled),
            label_percent=label_percent, labels_per_class=labels_per_class,
            seed=seed, reading=reading, reporter=tell, pretrains=False,
        )  # fmt: skip
        _refuse_unlabelled(dataset)
        resolved = recipe_for(name, changed, dataset, here, size)
        refuse_misfits(resolved, dataset, world, compiled=compiled, pretrains=False)
        network = given.build(resolved.image.crop_px)
        check_head(given.head, wanted_layers(resolved, network), source)
        for sentence in (_origin(given, resolved, network), *given.sentences, *found(dataset)):
            tell.say(sentence)
        folder = RunFolder(Path(out or Path("runs") / f"{dataset.name}-finetune-{given.name}"))
        with folder.locked():
            start_of = {"start": given.fingerprint}
            identity = identity_of(resolved, dataset, seed, start_of, reading)
            if not fresh:
                refuse_other(folder, resolved, identity, stage=FINETUNE.name)
            context = begin(
                folder, resolved, dataset, here, world, compiled=compiled, seed=seed,
                reporter=tell, fresh=fresh,
            )  # fmt: skip
            if fresh:  # after the last refusal: until then nothing is lost
                folder.clear()
            resume(context, identity, stage=FINETUNE.name)
            came_from = {
                "labels": None, "unlabelled": lasting(unlabelled), "label_percent": label_percent,
                "labels_per_class": labels_per_class, "start": source, **reading.said(),
            }  # fmt: skip
            record(context, identity, {**came_from, **given.provenance})
            kept = given.last_stage_weights
            once(context, START, lambda: keep_pretrained(context, network, given.head, kept))
            _train(context, given, baselines, command)
        dismiss(world)
        return Run(folder.path)


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


def changes_for(start: Start, draft: Recipe, epochs: int | None) -> tuple[str, ...]:
    """Return what a recipe has to be changed in for the network at hand, as ``KEY=VALUE``.

    Args:
        start: Its last stage is removed or not, and its BN's epsilon goes on.
        draft: The recipe without these changes.
        epochs: Fine-tuning epochs in place of the recipe's, or None.

    Raises:
        UserError: The recipe is for another backbone.
    """
    if draft.backbone.name != start.backbone:
        raise UserError(
            f"--recipe: must be for {start.backbone}, which {start.path} holds, got "
            f"{draft.name} for {draft.backbone.name}; name another recipe"
        )
    changes = [f"backbone.last_stage={_last_stage(draft, start)}"]
    if epochs is not None:
        changes.append(f"finetune.epochs={epochs}")
    if not draft.evaluate.finetunes:  # of a run that only pretrained
        protocols = EvaluateTable().protocols
        changes.append(f"evaluate.protocols={list(protocols)}")
    if start.batchnorm_eps is not None:
        changes.append(f"backbone.batchnorm_eps={start.batchnorm_eps}")
    return tuple(changes)


def _default_baselines(start: Start) -> tuple[str, ...]:
    """Return what is trained beside: that general weights beat random ones is no question."""
    return BASELINES if start.origin is None else ("none",)


def _recipe_for(start: Start, name: str | None) -> str:
    """Return the recipe that was named, or else the start's run's, or the factory's."""
    if name is None and start.origin is not None:
        return recipe_for_weights(start.backbone)
    if name is None:
        recorded = run_of(start.path) / "recipe.toml"
        if not recorded.is_file():
            raise UserError(
                f"{start.path}: must lie in a run folder with a recipe.toml, found none beside it; "
                "name one with --recipe, such as --recipe mobilenetv2-dino"
            )
        return str(recorded)
    return name


def _last_stage(recipe: Recipe, start: Start) -> str:
    """Return what the start says of the last stage; only pretrained weights of one are dropped."""
    if start.last_stage == "keep" and recipe.backbone.last_stage == "drop" and not start.supervised:
        return "drop"
    return start.last_stage


def _refuse_unlabelled(dataset: Dataset) -> None:
    """Refuse images without labels."""
    if not dataset.classes:
        raise UserError(
            f"{dataset.source}: must have labels to fine-tune on, found none; "
            "give one folder per class, or a manifest with labels"
        )


def _origin(start: Start, recipe: Recipe, backbone: Backbone) -> str:
    """Say what it starts from."""
    what = "the backbone of the classifier " if start.supervised else ""
    done = {"keep": "", "remove": "removed", "drop": "dropped"}[recipe.backbone.last_stage]
    stage = f", its last stage {done}" if done else ""
    told = f"Starting from {what}{start.path}: {start.backbone}{stage}."
    px = recipe.image.crop_px
    if backbone.fixed_px and start.image_px not in (None, px):
        told += f" Its position embeddings are resampled from {start.image_px} to {px} px."
    return told
