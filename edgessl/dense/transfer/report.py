"""The page of a transfer: its figures as the papers give them, the loss, what it found."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.data.decode import read_image
from edgessl.dense.detection.found import Found
from edgessl.dense.draw import draw_boxes
from edgessl.dense.masks.masked import MaskedImage
from edgessl.dense.segmentation.paint import painted
from edgessl.dense.transfer.pixels import labels_of
from edgessl.dense.transfer.scenes import Scene
from edgessl.files import atomic_path
from edgessl.json_file import parse_json
from edgessl.page.chart import LineChart, Series, line_chart
from edgessl.page.render import Facts, templates_of

NAME = "report.html"
SHOWN_SCORE = 0.5
_PICTURES, _PICTURE_PX = 6, 460
_KINDS = {"detect": ("run", "this run"), "detect_random": ("random", "from random weights"),
          "detect_imagenet": ("init", "from ImageNet"), "segment": ("run", "this run"),
          "segment_random": ("random", "from random weights"),
          "segment_imagenet": ("init", "from ImageNet")}  # fmt: skip


def write_box_page(
    folder: Path,
    document: Mapping[str, Any],
    scenes: Sequence[Scene],
    find: Callable[[list[int]], list[Found]],
) -> None:
    """Write ``report.html`` of a detector.

    Args:
        folder: Of the run.
        document: Its ``report.json``.
        scenes: Of ``test``.
        find: Returns what the detector tells of the images at some places.
    """
    classes = list(document["data"]["classes"])
    columns = (("objects", "objects"), ("AP50, area", "ap50"),
               ("AP50, 11 points", "ap50_11_points"))  # fmt: skip
    lead = (f"What it found with a score of {SHOWN_SCORE:g} and more, left, beside what was "
            "annotated, right.")  # fmt: skip
    places = _places(len(scenes))
    pictures = []
    for place, told in zip(places, find(places), strict=True):
        scene = scenes[place]
        truth = Found(scene.shares, np.ones(len(scene.labels), np.float32), scene.labels)
        picture = read_image(scene.path)
        pictures.append({
            "name": scene.path.name,
            "found": _jpeg(draw_boxes(picture, told, classes, min_score=SHOWN_SCORE)),
            "truth": _jpeg(draw_boxes(picture, truth, classes, min_score=0, with_scores=False)),
        })  # fmt: skip
    _write(folder, document, _box_figures, columns, lead, pictures)


def write_pixel_page(
    folder: Path,
    document: Mapping[str, Any],
    images: Sequence[MaskedImage],
    lookup: tuple[int, ...],
    answer: Callable[[list[int]], list[NDArray[np.uint8]]],
) -> None:
    """Write ``report.html`` of a segmenter.

    Args:
        folder: Of the run.
        document: Its ``report.json``.
        images: Of ``test``.
        lookup: As of ``PixelSet``.
        answer: Returns the class of each pixel of the images at some places.
    """
    columns, classes = (("pixels", "pixels"), ("IoU", "iou")), len(document["data"]["classes"])
    places = _places(len(images))
    pictures = []
    for place, told in zip(places, answer(places), strict=True):
        image = images[place]
        picture = read_image(image.path)
        pictures.append({
            "name": image.path.name, "found": _jpeg(painted(picture, told, classes)),
            "truth": _jpeg(painted(picture, labels_of(image, lookup), classes)),
        })  # fmt: skip
    lead = "What it says of each pixel, left, beside what was annotated, right."
    _write(folder, document, _pixel_figures, columns, lead, pictures)


Figures = list[tuple[str, float | None]]


def _write(
    folder: Path, document: Mapping[str, Any], figures: Callable[[Mapping[str, Any]], Figures],
    columns: Sequence[tuple[str, str]], lead: str, pictures: list[dict[str, str]],
) -> None:  # fmt: skip
    runs = {"this run": document, **{
        f"from {'ImageNet' if name == 'imagenet' else 'random weights'}": one
        for name, one in document["baselines"].items()
    }}  # fmt: skip
    page = templates_of("edgessl.dense.transfer").get_template("transfer.html.j2").render(
        document=document, rows=[(name, figures(one)) for name, one in runs.items()],
        columns=columns, charts=_charts(folder), pictures=pictures, facts=_facts(document),
        lead=lead,
    )  # fmt: skip
    with atomic_path(folder / NAME) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")


def _box_figures(scored: Mapping[str, Any]) -> Figures:
    voc, coco = scored["voc"], scored["coco"]
    found = [
        ("VOC AP50, 11 points", voc["ap50_11_points"]), ("VOC AP50, area", voc["ap50_area"]),
        ("VOC AP, 11 points", voc["ap_11_points"]), ("VOC AP75, 11 points", voc["ap75_11_points"]),
        *((f"COCO {name.upper()}, boxes", coco[name]) for name in ("ap", "ap50", "ap75")),
    ]  # fmt: skip
    if "coco_masks" in scored:
        masks = scored["coco_masks"]
        found += [(f"COCO {name.upper()}, masks", masks[name]) for name in ("ap", "ap50", "ap75")]
    return found


def _pixel_figures(scored: Mapping[str, Any]) -> Figures:
    return [("mIoU", scored["scores"]["miou"]["value"]), ("pixels right", scored["pixel_accuracy"])]


def _places(images: int) -> list[int]:
    """Return places of test images, evenly chosen by nothing but their number."""
    places = np.linspace(0, images - 1, min(_PICTURES, images)).round()
    return [int(place) for place in places]


def _charts(folder: Path) -> list[LineChart]:
    lines, path = [], folder / "log.jsonl"
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            lines.append(parse_json(text))
        except ValueError:  # cut short
            continue
    series = []
    for stage, (kind, label) in _KINDS.items():
        points = [(one["step"], one["loss"]) for one in lines
                  if one.get("stage") == stage and isinstance(one.get("loss"), int | float)]
        if points:
            xs, ys = zip(*points, strict=True)
            series.append(Series(kind, label, xs, ys, smooth=True))
    chart = line_chart("Loss on train", "steps", series, from_zero=True) if series else None
    return [] if chart is None else [chart]


def _jpeg(picture: Image.Image) -> str:
    picture.thumbnail((_PICTURE_PX, _PICTURE_PX))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=82)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode("ascii")


def _facts(document: Mapping[str, Any]) -> Facts:
    data, recipe = document["data"], document["recipe"]
    counts = ", ".join(f"{count} {name}" for name, count in data["images"].items())
    return [
        ("images", counts), ("layout", data["layout"]), ("data", data["source"]),
        ("left out", f"{len(data['left_out'])} boxes or files" if data["left_out"] else "nothing"),
        ("network", f"{document['model']['name']} on {document['model']['backbone']}, "
         f"{document['model']['params'] / 1e6:.2f} M parameters"),
        ("recipe", recipe["name"]), ("start", document["init"]),
        ("trained", f"{recipe['train']['iterations']} steps of {recipe['train']['batch_size']}"),
        ("time", ", ".join(f"{name} {seconds:.0f} s" for name, seconds
                           in document["throughput"]["seconds"].items())),
    ]  # fmt: skip
