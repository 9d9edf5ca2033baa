"""Small image files for the tests, each of its own content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, size: tuple[int, int] = (16, 12)) -> Image.Image:
    """Return noise of a given (width, height)."""
    rng = np.random.Generator(np.random.PCG64(seed))
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def save(path: Path, seed: int, size: tuple[int, int] = (16, 12)) -> Path:
    """Write one picture, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(seed, size).save(path)
    return path


def class_folders(root: Path, counts: dict[str, int], seed: int = 0) -> Path:
    """Write a folder of class folders, every picture of another content."""
    for name, count in counts.items():
        for number in range(count):
            seed += 1
            save(root / name / f"{number:03d}.png", seed)
    return root
