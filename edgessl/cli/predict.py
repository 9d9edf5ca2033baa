"""``edgessl predict``: what a network says about single images."""

from __future__ import annotations

import sys
from csv import writer
from pathlib import Path
from typing import Annotated, Any

import typer

from edgessl.cli.options import Trust
from edgessl.cli.screen import console, print_json
from edgessl.errors import UserError


def predict(
    model: Annotated[
        Path, typer.Argument(help="ckpt.pt, or any exported file.", metavar="MODEL")
    ],
    images: Annotated[
        list[Path], typer.Argument(help="Image files, or folders of them.", metavar="IMAGE...")
    ],
    draw: Annotated[
        Path | None,
        typer.Option(help="Folder for the images with boxes, or the classes of pixels, drawn."),
    ] = None,
    trust: Trust = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    csv: Annotated[
        bool, typer.Option("--csv", help="Print a table path,label; several labels as a|b.")
    ] = False,
) -> None:
    """Name the likely classes of images, or draw boxes or masks.

    A network of several labels an image names every class from its threshold on, or says none.

    An image that cannot be used is named at the end, with exit code 2; the others are answered.
    """
    from edgessl.pipeline.dense.files import is_dense, refuse_transferred
    from edgessl.pipeline.predict import open_predictor, predict_images

    if json and csv:
        raise UserError("--csv: must come without --json, got both; drop one of them")
    refuse_transferred(model)
    if is_dense(model):
        if csv:
            raise UserError(
                f"--csv: must be left out for a detector or a segmenter, got {model}; pass --json"
            )
        _predict_dense(model, images, draw, trust=trust, json=json)
        return
    if draw is not None:
        raise UserError(
            f"--draw: must come with a detector or a segmenter, got {model}; leave it out"
        )
    if csv:
        errors = _print_table(model, images, trust=trust)
    elif json:
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


def _print_table(model: Path, images: list[Path], *, trust: bool) -> list[str]:
    """Print a line for each image, as ``--data`` reads it; return what cannot be answered."""
    from edgessl.pipeline.predict import open_predictor

    predictor, errors = open_predictor(model, trust=trust), []
    if predictor.head == "features":
        raise UserError(
            f"--csv: must come with a network that names classes, got features in {model}; "
            "fine-tune it on labels"
        )
    table = writer(sys.stdout, lineterminator="\n")
    table.writerow(("path", "label"))
    for entry in predictor.answers(images):
        if "error" in entry:
            errors.append(entry["error"])
            continue
        names = [one["name"] for one in entry["classes"]]
        several = "|".join(names) if len(names) > 1 else (names or ["|"])[0]
        table.writerow((entry["image"], several if predictor.thresholds else names[0]))
    return errors


def _predict_dense(
    model: Path, images: list[Path], draw: Path | None, *, trust: bool, json: bool
) -> None:
    from edgessl.pipeline.dense.predict import open_dense_predictor

    entries, screen = [], console()
    predictor = open_dense_predictor(model, draw=draw, trust=trust)
    for entry in predictor.answers(images):
        entries.append(entry)
        if "error" not in entry and not json:
            drawn = f" (drawn: {entry['drawn']})" if "drawn" in entry else ""
            screen.print(f"{entry['image']}: {_at_places(entry)}{drawn}")
    errors = [entry for entry in entries if "error" in entry]
    if json:
        print_json({
            "model": str(model), "head": predictor.head,
            "predictions": [entry for entry in entries if "error" not in entry], "errors": errors,
        })  # fmt: skip
    if errors:
        raise UserError("\n".join(entry["error"] for entry in errors))


def _at_places(entry: dict[str, Any]) -> str:
    if "pixels" in entry:
        return ", ".join(f"{one['name']} {100 * one['share']:.1f} %" for one in entry["pixels"])
    told = ", ".join(f"{one['name']} {100 * one['score']:.0f} %" for one in entry["boxes"])
    return told or "no box"


def _answer(entry: dict[str, Any]) -> str:
    if not entry.get("classes", [""]):
        near = entry["likeliest"]
        return (
            f"none of the classes (likeliest: {near['name']} {100 * near['probability']:.1f} %, "
            f"shown from {100 * near['threshold']:.1f} % on)"
        )
    if "classes" in entry:
        told = ", ".join(f"{c['name']} {100 * c['probability']:.1f} %" for c in entry["classes"])
        return f"none of these ({told})" if entry.get("rejected") else told
    first = ", ".join(f"{value:.4f}" for value in entry["first"])
    return f"{entry['dim']} features, norm {entry['norm']:.4f}, first {first}"
