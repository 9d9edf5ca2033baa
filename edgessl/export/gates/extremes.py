"""Images that no camera takes, where a difference shows that photographs hide."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LARGE = 100.0
"""Factor on unit noise for large values: some 20 times what a normalised image holds."""


def extreme_images(input_px: int) -> NDArray[np.float32]:
    """Return zeros, one level of 255, large values and noise, the same every time.

    Args:
        input_px: Side of the images.

    Returns:
        Normalised images, ``(8, 3, input_px, input_px)``.
    """
    generator = np.random.default_rng(0)
    noise = generator.standard_normal((8, 3, input_px, input_px), dtype=np.float32)
    noise[0] = 0.0
    noise[1] = 1.0 / 255.0
    noise[2] *= LARGE
    return noise


def extreme_pixels(input_px: int) -> NDArray[np.uint8]:
    """Return black, white, the darkest grey, two colours and noise, the same every time.

    Args:
        input_px: Side of what the network sees; the images are a little larger, and not square.

    Returns:
        ``(8, H, W, 3)``.
    """
    shape = (8, input_px + 9, input_px + 20, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    pixels[0], pixels[1], pixels[2] = 0, 255, 1
    pixels[3], pixels[4] = (255, 0, 0), (0, 0, 255)
    return pixels
