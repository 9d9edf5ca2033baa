"""Classes of pixels, painted over a picture."""

from __future__ import annotations

from colorsys import hls_to_rgb
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.dense.masks.masked import VOID


def colours(count: int) -> list[tuple[int, int, int]]:
    """Return a colour for each class: hues a golden angle apart."""
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
