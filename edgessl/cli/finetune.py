"""``edgessl finetune``: a classifier from a pretrained backbone and labelled images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgessl.cli.dense import plan_dense, run_dense
from edgessl.cli.options import (
    Column,
    Compiled,
    Fresh,
    HeldBackbone,
    LabelPercent,
    LabelsPerClass,
    Layout,
    Overrides,
    Seed,
    Size,
    Splits,
    TrainingDevice,
    ValGroup,
    as_typed,
    changes,
    reading_of,
    refuse_given,
    several,
)
from edgessl.cli.transfer import plan_transfer, run_transfer
from edgessl.distributed import world_of_environment
from edgessl.errors import UserError, nearest

TASKS = ("classify", "detect", "segment")


def finetune(
    checkpoint: Annotated[
        str,
        typer.Argument(
            help="pretrained.pt, ckpt.pt or backbone.safetensors of a run; or general weights: "
            "imagenet:BACKBONE, timm:NAME, or a file of others.",
            metavar="CKPT|WEIGHTS",
        ),
    ],
    data: Annotated[str, typer.Option(help="Labelled images: a folder, CSV or named set.")],
    unlabelled: Annotated[
        str | None,
        typer.Option(
            help="Further images, used without label if val says that they help.", metavar="DATA"
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="NAME, NAME:VARIANT or FILE.toml; with --task also RECIPE:PROTOCOL of a paper; "
            "default: the run's own, or the factory's for general weights."
        ),
    ] = None,
    task: Annotated[
        str,
        typer.Option(help="classify; detect for images with boxes; segment for images with masks."),
    ] = "classify",
    backbone: HeldBackbone = None,
    size: Size = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Epochs after the warm-up; more of them extend a run."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="Or as many epochs as fit into this time here, baselines included."
        ),
    ] = None,
    iterations: Annotated[
        int | None,
        typer.Option(min=1, help="Steps, for a paper's detector or segmenter (--task)."),
    ] = None,
    label_percent: LabelPercent = None,
    labels_per_class: LabelsPerClass = None,
    layout: Layout = "auto",
    splits: Splits = "",
    column: Column = "",
    val_group: ValGroup = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder. [default: runs/DATA-finetune-START]")
    ] = None,
    seed: Seed = 0,
    device: TrainingDevice = "auto",
    baselines: Annotated[
        str | None,
        typer.Option(
            help="Comparison to train: random, or none. [default: random; none for general weights]"
        ),
    ] = None,
    overrides: Overrides = None,
    compiled: Compiled = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what it would take, and train nothing.")
    ] = False,
    fresh: Fresh = False,
) -> None:
    """Fine-tune a pretrained backbone on labels, evaluate, report.

    It is a run's, or one that others trained, such as imagenet:efficientnet-lite0.

    The same command again resumes a run that was stopped.
    """
    from edgessl.cli.screen import console, print_summary
    from edgessl.pipeline.finetune import finetune as story
    from edgessl.reporter import Screen

    reading = reading_of(layout, splits, column)
    if task not in TASKS:
        raise UserError(f"--task: must be one of {', '.join(TASKS)}, got '{task}'"
                        f"{nearest(task, TASKS)}")
    if task != "classify":
        from edgessl.pipeline.dense.prepare import Asked as DenseAsked
        from edgessl.pipeline.dense.run import recipe_for
        from edgessl.recipe.load_transfer import find_transfer

        refuse_given(
            {"--label-percent": label_percent, "--labels-per-class": labels_per_class,
             "--val-group": val_group, "--layout": None if layout == "auto" else layout,
             "--splits": splits, "--column": column, "--compile": compiled,
             "--unlabelled": unlabelled},
            f"must be left out for --task {task}",
        )  # fmt: skip
        if recipe is not None and find_transfer(recipe):
            paper = DenseAsked(
                recipe, data, out, epochs, minutes, seed, size, device, checkpoint,
                several(baselines or "none"), overrides or (), iterations, backbone,
            )  # fmt: skip
            if plan:
                plan_transfer(task, paper)
            else:
                run_transfer(task, paper, fresh=fresh)
            return
        name = recipe_for(task, checkpoint, recipe, backbone)
        refuse_given({"--iterations": iterations}, f"must be left out for {name}")
        beside = ("random",) if baselines is None else several(baselines)
        dense = DenseAsked(
            name, data, out, epochs, minutes, seed, size, device, checkpoint, beside,
            overrides or (),
        )  # fmt: skip
        if plan:
            plan_dense(dense)
        else:
            run_dense(dense, fresh=fresh)
        return
    refuse_given({"--iterations": iterations}, "must be left out without --task")
    from edgessl.pipeline.finetune.asked import Asked
    from edgessl.pipeline.finetune.plan import describe_finetune_plan

    asked = Asked(
        checkpoint, data, unlabelled, recipe, backbone, epochs=epochs, minutes=minutes,
        label_percent=label_percent, labels_per_class=labels_per_class, size=size, out=out,
        seed=seed, reading=reading, device=device,
        baselines=None if baselines is None else several(baselines),
        overrides=changes(overrides, val_group), fresh=fresh, compiled=compiled,
        command=as_typed(),
    )  # fmt: skip
    if plan:
        with Screen(console()) as screen:
            planned = story.plan(asked, screen)
        if planned is not None:
            print(describe_finetune_plan(planned))
        return
    with Screen(console()) as screen:
        run = story.finetune(asked, screen)
    if world_of_environment().first:
        print_summary(run.report, run.path)
