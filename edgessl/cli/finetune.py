"""``edgessl finetune``: a classifier from a pretrained backbone and labelled images."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from edgessl.cli.screen import console


def finetune(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            help="pretrained.pt, ckpt.pt or backbone.safetensors of a run.", metavar="CKPT"
        ),
    ],
    data: Annotated[str, typer.Option(help="Labelled images: a folder, CSV or named set.")],
    recipe: Annotated[
        str | None, typer.Option(help="NAME, NAME:VARIANT or FILE.toml; default: the run's own.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Fine-tuning epochs; more of them extend a run.")
    ] = None,
    label_percent: Annotated[
        float | None, typer.Option(help="Share of the training labels to use, in percent.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder. [default: runs/DATA-finetune-RUN]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides everything random.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    baselines: Annotated[
        str, typer.Option(help="Comparison to train: random, or none.")
    ] = "random",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE change to the recipe; repeatable.")
    ] = None,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Put backbones through torch.compile.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over in a used folder.")] = False,
) -> None:
    """Fine-tune a pretrained backbone on labelled images, evaluate, and report.

    The same command again resumes a run that was stopped.
    """
    from edgessl.cli.screen import Screen, print_summary
    from edgessl.pipeline.finetune import Request, run_finetune

    request = Request(
        checkpoint=checkpoint,
        data=data,
        recipe=recipe,
        epochs=epochs,
        label_percent=label_percent,
        out=out,
        seed=seed,
        device=device,
        baselines=tuple(part.strip() for part in baselines.split(",") if part.strip()),
        overrides=tuple(overrides or ()),
        fresh=fresh,
        compiled=compiled,
        command=shlex.join(["edgessl", *sys.argv[1:]]),
    )
    with Screen(console()) as screen:
        report = run_finetune(request, screen)
    if report:  # other processes than the first have none
        print_summary(report)
