"""A small random classifier, with images it might have been trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from edgessl import checkpoint
from edgessl.backbones import Backbone, Classifier, deployable_payload
from edgessl.data.preprocess import Preprocess
from edgessl.export.product import ExportedFile, Product

CLASSES = ("ant", "bee", "cat")
PREPROCESS = Preprocess(resize_px=72, crop_px=64)


@dataclass(frozen=True)
class Case:
    """A checkpoint, the images it was trained on, its exported files and what wrote them."""

    ckpt: Path
    data: Path
    files: dict[str, ExportedFile]
    products: dict[str, Product]


@dataclass(frozen=True)
class Int8Bundle:
    """A bundle of fp32 and int8 models with both runners: ``files`` and ``screen`` as printed."""

    folder: Path
    files: list[dict[str, Any]]
    screen: str
    downloads: list[str]


def write_images(folder: Path, classes: tuple[str, ...]) -> Path:
    """Write 6 training and 3 test images of each class: noise around a mean of its own."""
    generator = np.random.default_rng(0)
    for number, name in enumerate(classes):
        for split, count in (("train", 6), ("test", 3)):
            place = folder / split / name
            place.mkdir(parents=True)
            for i in range(count):
                pixels = generator.integers(0, 60 + 60 * number, (70, 90, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(place / f"{i}.png")
    return folder


def write_checkpoint(path: Path, classes: tuple[str, ...], data: str | None) -> Path:
    """Write a random classifier, or a random backbone where there are no classes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone = Backbone("mobilenetv2", "keep", 64)
        module = Classifier(backbone, len(classes)) if classes else backbone
    provenance = {
        "recipe": "some-recipe", "data": data, "labels": None, "label_percent": None,
        "val_percent": 10.0, "seed": 0, "scores": {},
    }
    payload = deployable_payload(
        module, classes=classes, preprocess=PREPROCESS.to_dict(), provenance=provenance
    )
    checkpoint.save(path, payload)
    return path
