"""The page of a detector's run: scores, the curve on val, drawn boxes, sizes, classes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from edgessl.data.decode import read_image
from edgessl.dense.boxes.boxed import BoxedImage
from edgessl.dense.detection.found import Found
from edgessl.dense.detection.score import SHOWN_SCORE
from edgessl.dense.draw import COLOURS, draw_boxes
from edgessl.files import atomic_path
from edgessl.json_file import parse_json
from edgessl.page.chart import LineChart, Series, line_chart
from edgessl.page.render import templates_of
from edgessl.runs.stages import DETECT, DETECT_ARMS

NAME = "report.html"
PICTURES = 8
_PICTURE_PX = 460


def write_page(
    folder: Path, document: Mapping[str, Any], images: tuple[BoxedImage, ...], found: list[Found]
) -> Path:
    """Write ``report.html``.

    Args:
        folder: Of the run.
        document: Its ``report.json``.
        images: Of ``test``.
        found: What the detector told of each.

    Returns:
        Where it is.
    """
    template = templates_of("edgessl.dense.detection").get_template("detector.html.j2")
    classes = list(document["data"]["classes"])
    page = template.render(
        document=document, charts=_charts(folder), classes=document["classes"],
        pictures=_pictures(images, found, classes), shown_percent=100 * SHOWN_SCORE,
        colours={name: COLOURS[i % len(COLOURS)] for i, name in enumerate(classes)},
        cards=_cards(document), facts=_facts(document),
    )
    with atomic_path(folder / NAME) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")
    return folder / NAME


def _cards(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    kinds = {"scores": ("run", "this detector")}
    kinds |= {f"scores_{name}": (kind, words) for name, (kind, words) in {
        "random": ("random", "from random weights"), "imagenet": ("init", "from ImageNet"),
    }.items()}  # fmt: skip
    return [
        {"kind": kind, "words": words, **document[key]["ap50"]}
        for key, (kind, words) in kinds.items() if key in document
    ]  # fmt: skip


def _charts(folder: Path) -> list[LineChart]:
    """Return AP on val and the loss over epochs, of all that was trained."""
    lines = []
    path = folder / "log.jsonl"
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            lines.append(parse_json(text))
        except ValueError:  # cut short
            continue
    arms = {DETECT.name: ("run", "this detector")}
    arms |= {stage.name: (kind, name) for (name, stage), kind in zip(
        DETECT_ARMS.items(), ("random", "init"), strict=True
    )}  # fmt: skip
    charts = []
    for key, title in (("val_ap50", "AP50 on val, percent"), ("loss", "Loss on train")):
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
    images: tuple[BoxedImage, ...], found: list[Found], classes: list[str]
) -> list[dict[str, str]]:
    """Return test images, evenly chosen by nothing but their place, beside their annotations."""
    places = np.linspace(0, len(images) - 1, min(PICTURES, len(images))).round().astype(int)
    rows = []
    for place in places.tolist():
        image, told = images[place], found[place]
        truth = Found(image.shares, np.ones(len(image.labels), np.float32), image.labels)
        picture = read_image(image.path)
        rows.append({
            "name": image.path.name,
            "found": _jpeg(draw_boxes(picture, told, classes, min_score=SHOWN_SCORE)),
            "truth": _jpeg(draw_boxes(picture, truth, classes, min_score=0, with_scores=False)),
        })  # fmt: skip
    return rows


def _jpeg(picture: Any) -> str:
    picture.thumbnail((_PICTURE_PX, _PICTURE_PX))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=82)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode("ascii")


def _facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    data, model, coco = document["data"], document["model"], document["coco"]

    def percent(value: float | None) -> str:
        return "no such object" if value is None else f"{value:.1f} %"

    counts = ", ".join(f"{count} {name}" for name, count in data["images"].items())
    return [
        ("COCO AP, AP50, AP75", ", ".join(percent(coco[key]) for key in ("ap", "ap50", "ap75"))),
        ("COCO AP small, medium, large",
         ", ".join(percent(coco[f"ap_{key}"]) for key in ("small", "medium", "large"))),
        ("VOC AP50, area and 11 points",
         f"{percent(document['voc']['ap50_area'])}, {percent(document['voc']['ap50_11_points'])}"),
        ("images", counts), ("layout", data["layout"]), ("data", data["source"]),
        ("left out", f"{len(data['left_out'])} boxes or files" if data["left_out"] else "nothing"),
        ("network", f"{document['recipe']['name']}, {model['params'] / 1e6:.2f} M parameters, "
         f"{model['macs'] / 1e6:.0f} M MACs at {model['input_px']} px, "
         f"{model['default_boxes']} default boxes"),
        ("start", document["init"]),
        ("trained in", ", ".join(f"{name} {seconds:.0f} s" for name, seconds
                                 in document["throughput"]["seconds"].items())),
    ]  # fmt: skip
