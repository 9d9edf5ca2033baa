"""A file's own preprocessing gives the pixels that the checkpoint was trained and scored with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image

from edgessl.data.preprocess import Preprocess
from edgessl.export.formats.front import Inside
from edgessl.export.gates.gate import Gate

MAX_LEVELS = 2.0
MEAN_LEVELS = 0.5
"""Largest and mean difference from Pillow, in levels of 255."""
_ROUNDING = 0.01  # levels: what normalising and going back leaves

NAME = "preprocessing"


def check_preprocessing(
    inside: Inside | None, preprocess: Preprocess, images: Mapping[str, Image.Image]
) -> Gate:
    """Compare what a file's network gets with the evaluation transform, in levels of 255.

    Args:
        inside: Pixels to what the network gets; None where the file hides it.
        preprocess: The evaluation transform, with Pillow and numpy.
        images: RGB images of many shapes, by name.
    """
    if inside is None:
        return Gate(NAME, "fail", "the file has no tensor 'images' to look at")
    mean = np.asarray(preprocess.mean, dtype=np.float64)[:, None, None]
    std = np.asarray(preprocess.std, dtype=np.float64)[:, None, None]
    largest: dict[str, float] = {}
    means: dict[str, float] = {}
    for name, image in images.items():
        pixels = preprocess.pixels(image)  # (3, S, S)
        try:
            got = inside(np.asarray(image)[None])[0]
        except Exception as error:  # the runtime's own exceptions: whatever they are, it fails
            reason = " ".join(str(error).split())[:160]
            return Gate(NAME, "fail", f"a {name} image does not run: {reason}")
        if got.shape != pixels.shape:
            return Gate(NAME, "fail", f"gives {got.shape} of a {name} image, not {pixels.shape}")
        difference = np.abs(255.0 * (got * std + mean) - pixels)
        largest[name], means[name] = float(difference.max()), float(difference.mean())
    worst = max(largest, key=lambda name: largest[name])
    passed = all(value <= MAX_LEVELS + _ROUNDING for value in largest.values()) and all(
        value <= MEAN_LEVELS for value in means.values()
    )
    finding = (
        f"up to {largest[worst]:.1f} levels of 255 from Pillow ({worst}), mean "
        f"{max(means.values()):.3f}; {', '.join(images)}"
    )
    numbers = {
        "max_levels": largest, "mean_levels": means,
        "allowed_max_levels": MAX_LEVELS, "allowed_mean_levels": MEAN_LEVELS,
    }
    return Gate(NAME, "pass" if passed else "fail", finding, numbers)
