"""Tiny images whose pixels' classes are their colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("ground", "wall", "door")
COLOURS = np.array([(60, 140, 60), (150, 150, 150), (200, 60, 40), (10, 10, 10)], np.uint8)
VOID = 11


def write_masks(folder: Path, count: int = 20) -> Path:
    """Write train/ and test/ with images/ and masks/, and classes.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    for number in range(count):
        place = folder / ("test" if number % 4 == 3 else "train")
        for name in ("images", "masks"):
            (place / name).mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(number)
        mask = np.ones((48, 64), np.uint8)
        mask[int(generator.integers(24, 40)) :] = 0
        left = int(generator.integers(4, 40))
        mask[14:36, left : left + 16] = 2
        mask[:3] = VOID
        pixels = COLOURS[np.minimum(mask, 3)] + generator.integers(0, 20, (48, 64, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(place / "images" / f"{number:02d}.png")
        Image.fromarray(mask).save(place / "masks" / f"{number:02d}.png")
    return folder
