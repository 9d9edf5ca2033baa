"""``edgessl diagnose``: what the features of networks are like, without training anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgessl.cli.options import (
    Column,
    HeldBackbone,
    Layout,
    Seed,
    Splits,
    Trust,
    numbers,
    reading_of,
)
from edgessl.cli.screen import console, print_json


def diagnose(
    networks: Annotated[
        list[str],
        typer.Argument(
            help="ckpt.pt or pretrained.pt, run folders, exported files, or general weights: "
            "imagenet:BACKBONE, timm:NAME, a file of others. Several are compared.",
            metavar="CKPT|RUN|FILE|WEIGHTS...",
        ),
    ],
    data: Annotated[
        str, typer.Option(help="Images, labelled or not: a folder, CSV or named set.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the page and the numbers.", metavar="FOLDER")
    ] = Path("diagnosis"),
    split: Annotated[
        str, typer.Option(help="What is held out: val; test only where you ask for it.")
    ] = "val",
    images: Annotated[
        int, typer.Option(help="Images of each split to look at, at most.", metavar="N")
    ] = 5000,
    k: Annotated[
        str, typer.Option("--k", help="Numbers of neighbours that vote.", metavar="K,...")
    ] = "1,5,20,100",
    seed: Seed = 0,
    device: Annotated[
        str, typer.Option(help="Where a checkpoint runs: auto, cpu, cuda or mps.")
    ] = "auto",
    layout: Layout = "auto",
    splits: Splits = "",
    column: Column = "",
    backbone: HeldBackbone = None,
    size: Annotated[
        int | None,
        typer.Option(help="Side of the images for general weights; default: 128.", metavar="PX"),
    ] = None,
    trust: Trust = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say what the features of networks are like, and which to take.

    Nothing is trained. Numbers are of train and of val; labels are used where there are some.
    """
    reading = reading_of(layout, splits, column)
    ks = numbers("--k", k)
    screen = console(to_stderr=json)
    with screen.status("opening networks") as status:
        from edgessl.pipeline.diagnose import diagnose as story

        found = story.diagnose(
            networks, data=data, out=out, split=split, images=images, ks=ks, device=device,
            reading=reading, backbone=backbone, size=size, seed=seed, trust=trust,
            say=status.update,
        )  # fmt: skip
    from edgessl.cli.diagnose_table import print_diagnosis

    print_diagnosis(screen, found)
    screen.print(f"page:   {found.page}")
    if json:
        print_json(found.to_dict())
