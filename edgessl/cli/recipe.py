"""``edgessl recipe``: pretrain, fine-tune, evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgessl.cli.dense import plan_dense, run_dense
from edgessl.cli.options import (
    Column,
    Compiled,
    Fresh,
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
from edgessl.distributed import world_of_environment
from edgessl.errors import UserError


def recipe(
    name: Annotated[str, typer.Argument(help="NAME, NAME:VARIANT or FILE.toml.", metavar="RECIPE")],
    data: Annotated[str, typer.Option(help="Named set, 'demo', folder, or CSV manifest.")],
    labels: Annotated[
        str | None, typer.Option(help="Labelled images, where --data has none.")
    ] = None,
    transfer: Annotated[
        str | None,
        typer.Option(help="Pretrain on --data, do the rest on these.", metavar="DATA"),
    ] = None,
    label_percent: LabelPercent = None,
    labels_per_class: LabelsPerClass = None,
    layout: Layout = "auto",
    splits: Splits = "",
    column: Column = "",
    val_group: ValGroup = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder. [default: runs/DATA-RECIPE]")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Pretraining epochs; more of them extend a run.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Time for the run, instead of --epochs.")
    ] = None,
    size: Size = None,
    seed: Seed = 0,
    device: TrainingDevice = "auto",
    init: Annotated[
        str, typer.Option(help="Weights to start from: none, imagenet, FILE or timm:NAME.")
    ] = "none",
    baselines: Annotated[
        str | None,
        typer.Option(
            help="Comparisons to train: random, longer, init, init-longer (commas between), or "
            "none. [default: random; with --init: init,init-longer]"
        ),
    ] = None,
    overrides: Overrides = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what the run would take, and train nothing.")
    ] = False,
    compiled: Compiled = False,
    stop_on_collapse: Annotated[
        bool,
        typer.Option("--stop-on-collapse", help="End with code 3 when outputs collapse."),
    ] = False,
    fresh: Fresh = False,
) -> None:
    """Pretrain on your images, fine-tune on labels, evaluate, report.

    The same command again resumes a run that was stopped.
    """
    from edgessl.cli.screen import console, print_summary
    from edgessl.pipeline import recipe as story
    from edgessl.pipeline.plan_in_words import describe_plan
    from edgessl.recipe.load_dense import task_of
    from edgessl.recipe.load_transfer import find_transfer
    from edgessl.reporter import Screen

    reading = reading_of(layout, splits, column)
    compared = None if baselines is None else several(baselines)
    if find_transfer(name):
        raise UserError(
            f"recipe: must pretrain, or train for devices, got '{name}', which a paper judges "
            f"backbones by; edgessl finetune WEIGHTS --task ... --recipe {name} --data ... runs it"
        )
    if task_of(name):
        given = {
            "--labels": labels, "--label-percent": label_percent,
            "--labels-per-class": labels_per_class, "--val-group": val_group,
            "--compile": compiled, "--stop-on-collapse": stop_on_collapse,
            "--transfer": transfer, "--layout": None if layout == "auto" else layout,
            "--splits": splits, "--column": column,
        }  # fmt: skip
        refuse_given(given, "must be left out for a detector or a segmenter")
        from edgessl.pipeline.dense.prepare import Asked as DenseAsked

        dense = DenseAsked(
            name, data, out, epochs, minutes, seed, size, device, init, compared or (),
            overrides or (),
        )  # fmt: skip
        if plan:
            plan_dense(dense)
        else:
            run_dense(dense, fresh=fresh)
        return
    from edgessl.pipeline.asked import Asked

    asked = Asked(
        name, data, labels, init, epochs=epochs, minutes=minutes, label_percent=label_percent,
        labels_per_class=labels_per_class, size=size, out=out, seed=seed, reading=reading,
        device=device, baselines=compared, overrides=changes(overrides, val_group), fresh=fresh,
        stop_on_collapse=stop_on_collapse, compiled=compiled, command=as_typed(),
    )  # fmt: skip
    if transfer is not None:
        refuse_given(
            {"--labels": labels, "--minutes": minutes, "--splits": splits, "--column": column,
             "--layout": None if layout == "auto" else layout, "--plan": plan,
             "--stop-on-collapse": stop_on_collapse},
            "must come without --transfer",
        )  # fmt: skip
        from edgessl.pipeline.transfer import run_and_transfer

        with Screen(console()) as screen:
            run = run_and_transfer(asked, transfer, screen)
    elif plan:
        with Screen(console()) as screen:
            planned = story.plan(asked, screen)
        if planned is not None:
            print(describe_plan(planned))
        return
    else:
        with Screen(console()) as screen:
            run = story.run(asked, screen)
    if world_of_environment().first:
        print_summary(run.report, run.path)
