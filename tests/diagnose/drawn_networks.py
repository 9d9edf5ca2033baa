"""Images of three colours, and networks in checkpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from edgessl import checkpoint
from edgessl.backbones import Backbone, Classifier, deployable_payload
from edgessl.data.preprocess import Preprocess

COLOURS = {"blue": (40, 60, 200), "green": (40, 200, 60), "red": (200, 60, 40)}
PREPROCESS = Preprocess(36, 32)


def write_images(folder: Path, *, labelled: bool = True, count: int = 20) -> Path:
    """Write noise around three colours, ``count`` images of 48 x 40 px each."""
    draw = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        for index in range(count):
            pixels = (np.array(colour) + draw.integers(-60, 60, (40, 48, 3))).clip(0, 255)
            path = folder / (f"{name}/{index}.png" if labelled else f"{name}{index}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    return folder


def save(path: Path, module: Backbone | Classifier, classes: tuple[str, ...] = ()) -> Path:
    """Write a network as a checkpoint of a finished run has it."""
    checkpoint.save(path, deployable_payload(
        module.eval(), classes=classes, preprocess=PREPROCESS.to_dict(), provenance={},
    ))  # fmt: skip
    return path
