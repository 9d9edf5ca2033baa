"""``edgessl pick``: which images to label next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgessl.cli.options import (
    AsJson,
    Column,
    GeneralSize,
    HeldBackbone,
    Layout,
    NetworkDevice,
    Seed,
    Splits,
    Trust,
    reading_of,
)
from edgessl.cli.screen import console, print_json


def pick(
    model: Annotated[
        str,
        typer.Argument(
            help="pretrained.pt or ckpt.pt, any exported file, or general weights: "
            "imagenet:BACKBONE, timm:NAME, a file of others.",
            metavar="CKPT|MODEL.onnx|WEIGHTS",
        ),
    ],
    data: Annotated[
        str, typer.Option(help="Images, few or none with a label: a folder, CSV or named set.")
    ],
    count: Annotated[int, typer.Option(help="How many to pick.")] = 100,
    out: Annotated[Path, typer.Option(help="CSV file to fill in; its page goes beside it.")] = Path(
        "to-label.csv"
    ),
    labels: Annotated[
        str | None, typer.Option(help="Labels that they have elsewhere, such as an earlier CSV.")
    ] = None,
    with_labels: Annotated[
        bool,
        typer.Option("--with-labels", help="Write the labelled images too, below the others."),
    ] = False,
    by: Annotated[
        str | None,
        typer.Option(
            help="typical (stand for many), or margin (a classifier can hardly decide). [default: "
            "margin for a classifier]"
        ),
    ] = None,
    seed: Seed = 0,
    device: NetworkDevice = "auto",
    layout: Layout = "auto",
    splits: Splits = "",
    column: Column = "",
    backbone: HeldBackbone = None,
    size: GeneralSize = None,
    trust: Trust = False,
    json: AsJson = False,
) -> None:
    """Choose which images to label next.

    It writes a CSV whose column label you fill, and a page that shows the images. Rows left empty
    stay unlabelled. The file is then what --labels of recipe and --data of finetune take.
    """
    reading = reading_of(layout, splits, column)
    screen = console(to_stderr=json)
    with screen.status(f"opening {model}") as status:
        from edgessl.pipeline.pick import pick as story

        picked = story.pick(
            model, data=data, count=count, out=out, labels=labels, with_labels=with_labels, by=by,
            device=device, reading=reading, backbone=backbone, size=size, seed=seed, trust=trust,
            say=status.update,
        )  # fmt: skip
    if json:
        print_json(picked.to_dict())
        return
    screen.print(f"Picked {picked.sentence}")
    for note in picked.notes:
        screen.print(note)
    screen.print(f"table: {picked.table}")
    screen.print(f"page:  {picked.page}")
    screen.print("Fill the column label; rows left empty stay unlabelled.")
    screen.print(f"next:  {picked.next}")
