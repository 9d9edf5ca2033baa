"""The page of a segmenter's run: scores, the curve on val, masks over test images, classes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.data.decode import read_image
from edgessl.dense.masks.masked import VOID, MaskedImage, read_mask
from edgessl.dense.segmentation.miou import Predict, at_full_size
from edgessl.dense.square import Square
from edgessl.files import atomic_path
from edgessl.json_file import parse_json
from edgessl.page.chart import LineChart, Series, line_chart
from edgessl.page.render import templates_of
from edgessl.runs.stages import SEGMENT, SEGMENT_ARMS

NAME, PICTURES, _PICTURE_PX = "report.html", 6, 460
ARMS = {SEGMENT.name: ("run", "this segmenter"), SEGMENT_ARMS["random"].name: ("random", "random"),
        SEGMENT_ARMS["imagenet"].name: ("init", "imagenet")}  # fmt: skip


def colours(count: int) -> list[tuple[int, int, int]]:
    """Return a colour for each class: hues a golden angle apart."""
    from colorsys import hls_to_rgb

    found = [hls_to_rgb((0.47 + 0.618034 * i) % 1.0, 0.45 + 0.15 * (i % 2), 0.7)
             for i in range(count)]  # fmt: skip
    return [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in found]


def painted(image: Image.Image, answer: NDArray[Any], classes: int) -> Image.Image:
    """Lay the classes of the pixels over an image; void stays as it is.

    Args:
        image: Upright RGB.
        answer: A class or ``VOID`` for each pixel, ``(H, W)``.
        classes: Number of classes.
    """
    table = np.zeros((256, 3), np.float32)
    table[:classes] = colours(classes)
    pixels = np.asarray(image, np.float32)
    mixed = 0.45 * pixels + 0.55 * table[answer]
    mixed[answer == VOID] = pixels[answer == VOID]
    return Image.fromarray(mixed.round().astype(np.uint8))


def write_page(
    folder: Path, document: Mapping[str, Any], images: Sequence[MaskedImage], square: Square,
    predict: Predict,
) -> Path:
    """Write ``report.html``.

    Args:
        folder: Of the run.
        document: Its ``report.json``.
        images: Of ``test``.
        square: The evaluation transform.
        predict: The segmenter.

    Returns:
        Where it is.
    """
    classes = list(document["data"]["classes"])
    places = np.linspace(0, len(images) - 1, min(PICTURES, len(images))).round().astype(int)
    pictures = []
    for place in places.tolist():
        one = images[place]
        picture = read_image(one.path)
        logits = predict(square.pixels(picture)[None])[0]
        answer = at_full_size(logits, one.height, one.width)
        truth = read_mask(one.mask, len(classes))
        pictures.append({
            "name": one.path.name, "found": _jpeg(painted(picture, answer, len(classes))),
            "truth": _jpeg(painted(picture, truth, len(classes))),
        })  # fmt: skip
    cards = [
        {"kind": kind, "words": words, **document[key]["miou"]}
        for key, kind, words in (
            ("scores", "run", "this segmenter"), ("scores_random", "random", "from random weights"),
            ("scores_imagenet", "init", "from ImageNet"),
        ) if key in document
    ]  # fmt: skip
    page = templates_of("edgessl.dense.segmentation").get_template("segmenter.html.j2").render(
        document=document, cards=cards, charts=_charts(folder), pictures=pictures,
        rows=list(zip(document["classes"], colours(len(classes)), strict=True)),
    )
    with atomic_path(folder / NAME) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")
    return folder / NAME


def _charts(folder: Path) -> list[LineChart]:
    path, lines = folder / "log.jsonl", []
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            lines.append(parse_json(text))
        except ValueError:  # cut short
            continue
    charts = []
    for key, title in (("val_miou", "mIoU on val, percent"), ("loss", "Loss on train")):
        series = []
        for stage, (kind, label) in ARMS.items():
            points = [(one["epoch"], one[key]) for one in lines
                      if one.get("stage") == stage and isinstance(one.get(key), int | float)]
            if points:
                xs, ys = zip(*points, strict=True)
                series.append(Series(kind, label, xs, ys, smooth=key == "loss"))
        chart = line_chart(title, "epochs", series, from_zero=True) if series else None
        if chart is not None:
            charts.append(chart)
    return charts


def _jpeg(picture: Image.Image) -> str:
    picture.thumbnail((_PICTURE_PX, _PICTURE_PX))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=82)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode("ascii")
