"""``edgessl eval``: one score of a network on labelled images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgessl.cli.options import (
    AsJson,
    Column,
    GeneralSize,
    HeldBackbone,
    Layout,
    NetworkDevice,
    Splits,
    Trust,
    reading_of,
    refuse_given,
)
from edgessl.cli.screen import console, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from edgessl.metrics.tag_thresholds import ClassDecisions

MEANING = {
    "knn": "kNN, train to test",
    "linear": "linear probe on frozen features",
    "top1": "top-1 of the classifier",
}
_WHY = {
    "knn": "this network gives features and no classes (linear is the other one for those)",
    "top1": "this network is a classifier (knn and linear would judge its features)",
    "map": "these images have several labels each",
}


def _evaluate_dense(
    model: str, data: str, screen: Console, *, trust: bool, as_json: bool,
    say: Callable[[str], None],
) -> None:
    from edgessl.pipeline.dense.evaluate import evaluate as story

    document = story(Path(model), data, trust=trust, say=say)
    if as_json:
        print_json(document)
        return
    key, words = ("ap50", "AP50") if "ap50" in document["scores"] else ("iou", "mIoU")
    for row in document["classes"]:
        told = "not in test" if row[key] is None else f"{row[key]:.1f} %"
        screen.print(f"  {row['name']:<16} {told}")
    score = document["scores"][document["protocol"]]
    beside = (
        f"COCO AP {document['coco']['ap']:.1f} %" if "coco" in document
        else f"{document['pixel_accuracy']:.1f} % of the pixels are right"
    )
    screen.print(
        f"{words}: {score['value']:.1f} %, 95 % interval {score['low']:.1f} to "
        f"{score['high']:.1f} % ({score['n']} images); {beside}"
    )


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
        str | None,
        typer.Option(
            help="top1, knn, linear; map or map11 for several labels an image. [default: what fits]"
        ),
    ] = None,
    device: NetworkDevice = "auto",
    layout: Layout = "auto",
    splits: Splits = "",
    column: Column = "",
    backbone: HeldBackbone = None,
    size: GeneralSize = None,
    fuse: Annotated[
        list[str] | None,
        typer.Option(
            help="Another network, whose features are laid beside; repeatable.", metavar="CKPT"
        ),
    ] = None,
    trust: Trust = False,
    json: AsJson = False,
) -> None:
    """Score a network on the labelled images it is given.

    top1 judges a classifier by its answers, kNN and linear probe judge features. All images are
    scored; of a folder with train/ and test/ those of test.
    """
    reading = reading_of(layout, splits, column)
    screen = console(to_stderr=json)
    with screen.status(f"opening {model}") as status:
        from edgessl.pipeline.dense.files import is_dense, is_transferred
        from edgessl.pipeline.score import evaluate as story

        if is_transferred(Path(model)):
            refuse_given(
                {"--protocol": protocol, "--backbone": backbone, "--size": size,
                 "--splits": splits, "--column": column,
                 "--layout": None if layout == "auto" else layout},
                "must be left out for a paper's detector or segmenter",
            )  # fmt: skip
            from edgessl.pipeline.dense.transferred import evaluate_transferred

            facts = evaluate_transferred(Path(model), data, device=device, say=status.update)
            if json:
                print_json(facts)
            else:
                images = next(iter(facts["scores"].values()))["n"]
                screen.print(f"{facts['words']} on {images} test images.", markup=False)
            return
        if is_dense(Path(model)):
            given = {
                "--protocol": None if protocol in ("ap50", "miou") else protocol,
                "--backbone": backbone, "--size": size, "--splits": splits, "--column": column,
                "--layout": None if layout == "auto" else layout, "--fuse": fuse,
                "--device": None if device == "auto" else device,
            }  # fmt: skip
            refuse_given(given, "must be left out for a detector or a segmenter")
            _evaluate_dense(
                model, data, screen, trust=trust, as_json=json, say=status.update
            )
            return

        found = story.evaluate(
            model, data=data, protocol=protocol, device=device, reading=reading,
            backbone=backbone, size=size, trust=trust, fuse=fuse or (), say=status.update,
        )
    if json:
        print_json(found.to_dict())
        return
    used = found.protocol
    if protocol is None:
        screen.print(f"Protocol {used}, because {_WHY[used]}.")
    for note in found.notes:
        screen.print(note)
    if isinstance(found, story.EvaluatedTags):
        at = {one.name: one for one in found.decisions}
        for name, value in found.precisions.items():
            told = "not in test" if value is None else f"{value:.1f} %"
            screen.print(f"  {name:<16} {told}{_decided(at[name]) if name in at else ''}")
    score = found.score
    meaning = found.meaning if isinstance(found, story.EvaluatedTags) else MEANING[used]
    screen.print(
        f"{meaning}: {score.value:.1f} %, 95 % interval {score.low:.1f} to "
        f"{score.high:.1f} % ({found.about})"
    )
    if isinstance(found, story.Evaluated):
        for line in (*found.beside, *(found.certainty.sentences if found.certainty else ())):
            screen.print(line)
    for warning in found.warnings:
        screen.print(warning)


def _decided(one: ClassDecisions) -> str:
    """Say how right a class is at its threshold."""
    values = (
        (word, value) for word, value in
        (("precision", one.precision), ("recall", one.recall), ("F1", one.f1)) if value is not None
    )
    told = "".join(f", {word} {value:.1f} %" for word, value in values)
    return f"; from {one.threshold:.3f} on{told} ({one.shown} of {one.n} images)"
