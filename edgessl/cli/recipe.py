"""``edgessl recipe``: pretrain, fine-tune, evaluate."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from edgessl.cli.screen import console
from edgessl.errors import UserError


def recipe(
    name: Annotated[str, typer.Argument(help="NAME, NAME:VARIANT or FILE.toml.")],
    data: Annotated[str, typer.Option(help="Named set, 'demo', folder, or CSV manifest.")],
    labels: Annotated[
        str | None, typer.Option(help="Labelled images, where --data has none.")
    ] = None,
    label_percent: Annotated[
        float | None, typer.Option(help="Share of the training labels to use, in percent.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder. [default: runs/DATA-RECIPE]")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Pretraining epochs; more of them extend a run.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Time for the run, instead of --epochs.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides everything random.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    init: Annotated[str, typer.Option(help="Weights to start from: none, FILE or timm:NAME.")]
    = "none",
    baselines: Annotated[
        str, typer.Option(help="Comparisons to train: random, longer (commas between), or none.")
    ] = "random",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE change to the recipe; repeatable.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what the run would take, and train nothing.")
    ] = False,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Put backbones through torch.compile.")
    ] = False,
    stop_on_collapse: Annotated[
        bool,
        typer.Option("--stop-on-collapse", help="End with code 3 when outputs collapse."),
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over in a used folder.")] = False,
) -> None:
    """Pretrain on your images, fine-tune on your labels, evaluate, and report.

    The same command again resumes a run that was stopped.
    """
    if epochs is not None and minutes is not None:
        raise UserError("--minutes: must be given without --epochs, got both; drop one of them")
    from edgessl.cli.screen import Screen, print_summary
    from edgessl.pipeline.recipe import Request, plan_recipe, run_recipe

    request = Request(
        recipe=name,
        data=data,
        labels=labels,
        label_percent=label_percent,
        out=out,
        epochs=epochs,
        minutes=minutes,
        seed=seed,
        device=device,
        init=init,
        baselines=tuple(part.strip() for part in baselines.split(",") if part.strip()),
        overrides=tuple(overrides or ()),
        fresh=fresh,
        stop_on_collapse=stop_on_collapse,
        compiled=compiled,
        command=shlex.join(["edgessl", *sys.argv[1:]]),
    )
    with Screen(console()) as screen:
        if plan:
            screen.say(plan_recipe(request, screen))
            return
        report = run_recipe(request, screen)
    if report:  # other processes than the first have none
        print_summary(report)
