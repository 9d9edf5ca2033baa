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
