"""Tiny copies of the papers' sets, in their own layouts."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from dense.tiny_boxes import CLASSES, HEIGHT, WIDTH, draw, voc_object
from PIL import Image

CROWD = 5
"""The COCO image with a group."""


def write_year(folder: Path, numbers: range, lists: dict[str, list[int]]) -> Path:
    """Write a year of a VOCdevkit with the given lists."""
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    for number in numbers:
        image, boxes = draw(number)
        image.save(folder / "JPEGImages" / f"{number:06d}.png")
        objects = "".join(
            voc_object(label, (left + 1, top + 1, right, bottom), difficult=int(number == 3))
            for label, (left, top, right, bottom) in boxes
        )
        text = (f"<annotation><filename>{number:06d}.png</filename><size><width>{WIDTH}</width>"
                f"<height>{HEIGHT}</height><depth>3</depth></size>{objects}</annotation>")
        (folder / "Annotations" / f"{number:06d}.xml").write_text(text)
    for name, own in lists.items():
        text = "".join(f"{number:06d}\n" for number in own)
        (folder / "ImageSets/Main" / f"{name}.txt").write_text(text)
    return folder


def write_devkit(folder: Path) -> Path:
    """Write a VOCdevkit: 8 images of 2007 to train on and 4 to test on, 4 of 2012 to train on."""
    train, test = list(range(8)), [8, 9, 10, 11]
    write_year(folder / "VOC2007", range(12), {"trainval": train, "val": [0, 1], "test": test})
    write_year(folder / "VOC2012", range(12, 16), {"trainval": [12, 13, 14, 15]})
    return folder


def write_instances(folder: Path) -> Path:
    """Write COCO's folders: polygons, run lengths, a group in image ``CROWD``, an empty image."""
    (folder / "annotations").mkdir(parents=True)
    for split, numbers in (("train2017", range(8)), ("val2017", range(8, 12))):
        (folder / split).mkdir()
        images, rows = [], list[dict[str, Any]]()
        for number in numbers:
            image, boxes = draw(number)
            image.save(folder / split / f"{number:012d}.png")
            images.append({"id": number, "file_name": f"{number:012d}.png", "height": HEIGHT,
                           "width": WIDTH})  # fmt: skip
            for label, corners in boxes if number != 7 else ():
                rows.append(_row(len(rows), number, label, corners))
        table = {
            "images": images, "annotations": rows,
            "categories": [{"id": 3 + 4 * i, "name": name} for i, name in enumerate(CLASSES)],
        }  # fmt: skip
        (folder / "annotations" / f"instances_{split}.json").write_text(json.dumps(table))
    return folder


def _row(
    number: int, image: int, label: str, corners: tuple[int, int, int, int]
) -> dict[str, Any]:
    left, top, right, bottom = corners
    crowd = image == CROWD and label == CLASSES[1]
    polygon = [left, top, right, top, right, bottom, left, bottom]
    runs = {"size": [HEIGHT, WIDTH], "counts": column_runs(corners)}
    return {
        "id": number, "image_id": image, "category_id": 3 + 4 * CLASSES.index(label),
        "iscrowd": int(crowd), "bbox": [left, top, right - left, bottom - top],
        "area": (right - left) * (bottom - top),
        "segmentation": runs if crowd else [list(map(float, polygon))],
    }  # fmt: skip


def column_runs(corners: tuple[int, int, int, int]) -> list[int]:
    """Return the run lengths of a rectangle, column by column, zeros first."""
    left, top, right, bottom = corners
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top:bottom, left:right] = 1
    flat = mask.T.ravel()
    changes = np.flatnonzero(np.diff(flat)) + 1
    ends = [0, *changes.tolist(), flat.size]
    runs = [after - before for before, after in pairwise(ends)]
    return [0, *runs] if flat[0] else runs



IDS = {"blue": 26, "red": 24, "": 7}
"""Label ids of what is drawn: cars, persons, and the road; the frame is void."""


def write_cityscapes(folder: Path, train: int = 6, test: int = 3) -> Path:
    """Write leftImg8bit and gtFine with a city for each side."""
    number = 0
    for side, city, count in (("train", "aachen", train), ("val", "lindau", test)):
        for kind in ("leftImg8bit", "gtFine"):
            (folder / kind / side / city).mkdir(parents=True)
        for _ in range(count):
            image, boxes = draw(number)
            ids = np.full((HEIGHT, WIDTH), IDS[""], np.uint8)
            for label, (left, top, right, bottom) in boxes:
                ids[top:bottom, left:right] = IDS[label]
            ids[0], ids[-1] = 3, 0
            stem = f"{city}_{number:06d}_000019"
            image.save(folder / "leftImg8bit" / side / city / f"{stem}_leftImg8bit.png")
            place = folder / "gtFine" / side / city
            Image.fromarray(ids).save(place / f"{stem}_gtFine_labelIds.png")
            number += 1
    return folder
