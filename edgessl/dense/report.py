"""The page of a dense run: scores, the curve on val, answers drawn over test images, classes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from edgessl.data.decode import read_image
from edgessl.dense.answers import Answers
from edgessl.dense.square import Square
from edgessl.dense.task import Task
from edgessl.files import atomic_path
from edgessl.json_file import parse_json
from edgessl.page.chart import LineChart, Series, line_chart
from edgessl.page.render import templates_of

NAME, _PICTURE_PX = "report.html", 460
KINDS = {"random": ("random", "from random weights"), "imagenet": ("init", "from ImageNet")}
"""Of each arm: its colour, and what it is called."""


def write_page(
    task: Task, folder: Path, document: Mapping[str, Any], images: Sequence[Any], square: Square,
    answers: Answers,
) -> Path:
    """Write ``report.html``.

    Args:
        task: Of the run.
        folder: Of the run.
        document: Its ``report.json``.
        images: Of ``test``.
        square: The evaluation transform.
        answers: The network.

    Returns:
        Where it is.
    """
    drawing = task.drawing
    page = templates_of("edgessl.dense").get_template(drawing.template).render(
        document=document, task=task, cards=_cards(task, document), charts=_charts(task, folder),
        pictures=_pictures(task, images, list(document["data"]["classes"]), square, answers),
        facts=_facts(task, document), **drawing.values(document),
    )  # fmt: skip
    with atomic_path(folder / NAME) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")
    return folder / NAME


def _cards(task: Task, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    kinds = {"scores": ("run", f"this {task.word}")}
    kinds |= {f"scores_{name}": told for name, told in KINDS.items()}
    return [
        {"kind": kind, "words": words, **document[key][task.judging.figure]}
        for key, (kind, words) in kinds.items() if key in document
    ]  # fmt: skip


def _charts(task: Task, folder: Path) -> list[LineChart]:
    """Return the figure on val and the loss over epochs, of all that was trained."""
    lines = []
    path = folder / "log.jsonl"
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            lines.append(parse_json(text))
        except ValueError:  # cut short
            continue
    arms = {task.stage.name: ("run", f"this {task.word}")}
    arms |= {stage.name: (KINDS[name][0], name) for name, stage in task.arms.items()}
    charts = []
    for key, title in (
        (f"val_{task.judging.figure}", f"{task.judging.words} on val, percent"),
        ("loss", "Loss on train"),
    ):
        series = []
        for stage, (kind, label) in arms.items():
            points = [
                (one["epoch"], one[key]) for one in lines
                if one.get("stage") == stage and isinstance(one.get(key), int | float)
            ]  # fmt: skip
            if points:
                xs, ys = zip(*points, strict=True)
                series.append(Series(kind, label, xs, ys, smooth=key == "loss"))
        chart = line_chart(title, "epochs", series, from_zero=True) if series else None
        if chart is not None:
            charts.append(chart)
    return charts


def _pictures(
    task: Task, images: Sequence[Any], classes: list[str], square: Square, answers: Answers
) -> list[dict[str, str]]:
    """Return test images, evenly chosen by nothing but their place, beside their annotations."""
    drawing, count = task.drawing, min(task.drawing.pictures, len(images))
    rows = []
    for place in np.linspace(0, len(images) - 1, count).round().astype(int).tolist():
        image, picture = images[place], read_image(images[place].path)
        (answer,) = answers(square.pixels(picture)[None])
        rows.append({
            "name": image.path.name, "found": _jpeg(drawing.answer(picture, answer, classes)),
            "truth": _jpeg(drawing.truth(picture, image, classes)),
        })  # fmt: skip
    return rows


def _jpeg(picture: Any) -> str:
    picture.thumbnail((_PICTURE_PX, _PICTURE_PX))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=82)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode("ascii")


def _facts(task: Task, document: Mapping[str, Any]) -> list[tuple[str, str]]:
    data, model = document["data"], document["model"]
    left_out = f"{len(data['left_out'])} {task.data.left_out}" if data["left_out"] else "nothing"
    return [
        *task.drawing.facts(document),
        ("images", ", ".join(f"{count} {name}" for name, count in data["images"].items())),
        ("layout", data.get("layout", "images/ and masks/")), ("data", data["source"]),
        ("left out", left_out),
        ("network", f"{document['recipe']['name']}, {model['params'] / 1e6:.2f} M parameters, "
         f"{model['macs'] / 1e6:.0f} M MACs at {model['input_px']} px"),
        ("start", document["init"]),
        ("trained in", ", ".join(f"{name} {seconds:.0f} s" for name, seconds
                                 in document["throughput"]["seconds"].items())),
    ]  # fmt: skip
