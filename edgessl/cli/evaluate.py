"""``edgessl eval``: one score of a network on labelled images."""

from __future__ import annotations

from typing import Annotated

import typer

from edgessl.cli.options import HeldBackbone, Trust
from edgessl.cli.screen import console, print_json

MEANING = {
    "knn": "kNN, train to test",
    "linear": "linear probe on frozen features",
    "top1": "top-1 of the classifier",
    "map": "mean average precision of linear classifiers on frozen features",
}


def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            help="ckpt.pt, any exported file, or general weights: imagenet:BACKBONE, timm:NAME, a "
            "file of others.",
            metavar="CKPT|MODEL.onnx|WEIGHTS",
        ),
    ],
    data: Annotated[str, typer.Option(help="Labelled images: a folder, CSV or named set.")],
    protocol: Annotated[
        str, typer.Option(help="knn, linear or top1; map for images with several labels each.")
    ],
    device: Annotated[
        str, typer.Option(help="Where a checkpoint runs: auto, cpu, cuda or mps.")
    ] = "auto",
    backbone: HeldBackbone = None,
    size: Annotated[
        int | None,
        typer.Option(help="Side of the images for general weights; default: 128.", metavar="PX"),
    ] = None,
    trust: Trust = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Score a network on test images: kNN, linear probe or top-1.

    kNN and linear probe judge its features, top-1 its classifier.
    """
    screen = console(to_stderr=json)
    with screen.status(f"opening {model}") as status:
        from edgessl.pipeline import evaluate as story

        found = story.evaluate(
            model, data=data, protocol=protocol, device=device, backbone=backbone, size=size,
            trust=trust, say=status.update,
        )
    if json:
        print_json(found.to_dict())
        return
    for note in found.notes:
        screen.print(note, markup=False)
    if isinstance(found, story.EvaluatedTags):
        for name, value in found.precisions.items():
            told = "not in test" if value is None else f"{value:.1f} %"
            screen.print(f"  {name:<16} {told}", markup=False)
        classes = len(found.precisions)
    else:
        classes = len(found.dataset.classes)
    score = found.score
    screen.print(
        f"{MEANING[protocol]}: {score.value:.1f} %, 95 % interval {score.low:.1f} to "
        f"{score.high:.1f} % ({score.n} test images, {classes} classes)",
        markup=False,
    )
