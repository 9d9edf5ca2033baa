"""``edgessl predict``: what a network says about single images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edgessl.cli.options import Trust
from edgessl.cli.screen import console, print_json


def predict(
    model: Annotated[
        Path, typer.Argument(help="ckpt.pt, or any exported file.", metavar="MODEL")
    ],
    images: Annotated[
        list[Path], typer.Argument(help="Image files, or folders of them.", metavar="IMAGE...")
    ],
    trust: Trust = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Name the most likely classes of images, with probabilities.

    An image that cannot be used is named at the end, with exit code 2; the others are answered.
    """
    from edgessl.errors import UserError
    from edgessl.pipeline.predict import open_predictor, predict_images

    if json:
        document = predict_images(model, images, trust=trust)
        print_json(document)
        errors = [entry["error"] for entry in document["errors"]]
    else:
        errors, screen = [], console()
        predictor = open_predictor(model, trust=trust)
        for entry in predictor.answers(images):
            if "error" in entry:
                errors.append(entry["error"])
            else:
                screen.print(f"{entry['image']}: {_answer(entry)}")
        if predictor.head == "features":
            screen.print("This network gives features, no classes: compare them by cosine, "
                         "or fine-tune it on labels.")
    if errors:
        raise UserError("\n".join(errors))


def _answer(entry: dict[str, Any]) -> str:
    if "classes" in entry:
        return ", ".join(f"{c['name']} {100 * c['probability']:.1f} %" for c in entry["classes"])
    first = ", ".join(f"{value:.4f}" for value in entry["first"])
    return f"{entry['dim']} features, norm {entry['norm']:.4f}, first {first}"
