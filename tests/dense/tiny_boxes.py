"""Tiny images with coloured rectangles, written in every layout of boxes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("blue", "red")
COLOURS = {"blue": (30, 40, 220), "red": (220, 40, 30)}
HEIGHT, WIDTH = 48, 64
Drawn = list[tuple[str, tuple[int, int, int, int]]]


def draw(number: int) -> tuple[Image.Image, Drawn]:
    """Return image ``number`` and its rectangles: left, top, right, bottom in pixels."""
    generator = np.random.default_rng(number)
    pixels = generator.integers(90, 130, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    boxes: Drawn = []
    for name in CLASSES[: 1 + number % 2]:
        width, height = generator.integers(14, 28, 2).tolist()
        left = int(generator.integers(0, WIDTH - width))
        top = int(generator.integers(0, HEIGHT - height))
        pixels[top : top + height, left : left + width] = COLOURS[name]
        boxes.append((name, (left, top, left + width, top + height)))
    return Image.fromarray(pixels), boxes


def write_voc(folder: Path, count: int = 16, extra: str = "") -> Path:
    """Write a VOC folder: a quarter each of val and test, the rest train."""
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    lists: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for number in range(count):
        image, boxes = draw(number)
        name = f"image_{number:03d}"
        image.save(folder / "JPEGImages" / f"{name}.png")
        objects = "".join(
            voc_object(label, (left + 1, top + 1, right, bottom))
            for label, (left, top, right, bottom) in boxes
        )
        text = (
            f"<annotation><filename>{name}.png</filename><size><width>{WIDTH}</width>"
            f"<height>{HEIGHT}</height><depth>3</depth></size>{objects}"
            f"{extra if number == 0 else ''}</annotation>"
        )
        (folder / "Annotations" / f"{name}.xml").write_text(text)
        lists[("train", "train", "val", "test")[number % 4]].append(name)
    for name, names in lists.items():
        (folder / "ImageSets/Main" / f"{name}.txt").write_text("\n".join(names) + "\n")
    return folder


def voc_object(label: str, corners: tuple[object, ...], difficult: int = 0) -> str:
    """Return an object of an annotation; corners count from 1, ends included."""
    sides = "".join(
        f"<{side}>{value}</{side}>"
        for side, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    )
    return (
        f"<object><name>{label}</name><difficult>{difficult}</difficult>"
        f"<bndbox>{sides}</bndbox></object>"
    )


def write_coco(folder: Path, count: int = 16) -> Path:
    """Write COCO's own folders, train2017 and val2017."""
    (folder / "annotations").mkdir(parents=True)
    for split, rest in (("train2017", (0, 1, 2)), ("val2017", (3,))):
        (folder / split).mkdir()
        images, rows = [], []
        for number in [one for one in range(count) if one % 4 in rest]:
            image, boxes = draw(number)
            image.save(folder / split / f"{number:06d}.png")
            images.append({"id": number, "file_name": f"{number:06d}.png"})
            for label, (left, top, right, bottom) in boxes:
                rows.append({
                    "id": len(rows), "image_id": number, "iscrowd": 0,
                    "category_id": 7 + CLASSES.index(label),
                    "bbox": [left, top, right - left, bottom - top],
                })  # fmt: skip
        table = {
            "images": images, "annotations": rows,
            "categories": [{"id": 7 + i, "name": name} for i, name in enumerate(CLASSES)],
        }  # fmt: skip
        (folder / "annotations" / f"instances_{split}.json").write_text(json.dumps(table))
    return folder


def write_yolo(folder: Path, count: int = 16) -> Path:
    """Write images/ and labels/ with a folder for each split, and data.yaml."""
    for number in range(count):
        split = ("train", "train", "val", "test")[number % 4]
        image, boxes = draw(number)
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True, exist_ok=True)
        image.save(folder / "images" / split / f"{number}.png")
        lines = [
            f"{CLASSES.index(label)} {(a + c) / 2 / WIDTH} {(b + d) / 2 / HEIGHT} "
            f"{(c - a) / WIDTH} {(d - b) / HEIGHT}"
            for label, (a, b, c, d) in boxes
        ]
        (folder / "labels" / split / f"{number}.txt").write_text("\n".join(lines) + "\n")
    (folder / "data.yaml").write_text("names: [blue, red]\nnc: 2\n")
    return folder
