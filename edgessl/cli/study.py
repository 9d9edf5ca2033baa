"""``edgessl study``: a paper's table or figure re-made, its numbers beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgessl.cli.options import Compiled, Overrides, Seed, Size, TrainingDevice
from edgessl.cli.screen import console, print_json
from edgessl.errors import UserError


def study(
    name: Annotated[
        str | None,
        typer.Argument(help="A study of --list, or FILE.toml.", metavar="STUDY"),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="Images for all of the paper's sets, or NAME=IMAGES for one; repeatable."
        ),
    ] = None,
    transfer: Annotated[
        str | None, typer.Option(help="Score every row on these labelled images.", metavar="DATA")
    ] = None,
    scale: Annotated[
        float,
        typer.Option(help="Share of the epochs and of the images, for a trial.", metavar="F"),
    ] = 1.0,
    scale_images: Annotated[
        float | None,
        typer.Option(help="Share of the images. [default: as --scale]", metavar="F"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Its folder. [default: runs/DATA-STUDY]")
    ] = None,
    size: Size = None,
    seed: Seed = 0,
    device: TrainingDevice = "auto",
    overrides: Overrides = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what it would take, and train nothing.")
    ] = False,
    compiled: Compiled = False,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            help="Weights that the paper starts from and that cannot be made here; repeatable.",
            metavar="NAME=FILE",
        ),
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Name every study, and what it needs.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Re-make a paper's table or figure on your images.

    The same command again goes on where an earlier one stopped.
    """
    if listed:
        from edgessl.cli.study_table import print_studies

        print_studies(console(to_stderr=json), as_json=json)
        return
    if name is None or not data:
        missing = "STUDY" if name is None else "--data"
        raise UserError(
            f"{missing}: must be given, found none; edgessl study --list names the studies, and "
            "edgessl study STUDY --data demo --scale 0.02 tries one"
        )
    from edgessl.cli.study_table import print_plan, print_study
    from edgessl.pipeline.study import study as story
    from edgessl.pipeline.study.wanted import Wanted
    from edgessl.reporter import Screen

    wanted = Wanted(
        name, data, transfer, scale, scale_images, out, size, seed, device,
        tuple(overrides or ()), compiled, tuple(weights or ()),
    )  # fmt: skip
    made = story.plan_study if plan else story.study
    with Screen(console(to_stderr=json)) as screen:
        found = made(wanted, screen)
    if isinstance(found, story.StudyPlan):
        print_plan(console(to_stderr=json), found)
    else:
        print_study(console(to_stderr=json), found)
    if json:
        print_json(found.to_dict())
