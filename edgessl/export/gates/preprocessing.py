"""A file's own preprocessing gives the pixels that the checkpoint was trained and scored with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.data.original import Original
from edgessl.export.formats.front import Inside
from edgessl.export.gates.gate import Gate

HUGE_PX = 2400
"""Long side of the huge image."""


def shaped_images(files: Sequence[Original], crop_px: int) -> dict[str, Image.Image]:
    """Give each of eight files another shape.

    Args:
        files: Originals; with none at all, noise stands in for them.
        crop_px: Side of what the network sees: ``tiny`` is half of it.

    Returns:
        RGB images ``portrait``, ``tall`` (1:3), ``very tall`` (1:5), ``landscape``, ``tiny``,
        ``huge`` and ``square``, and ``as is``: a file that is left alone.

    Raises:
        UserError: A file is no image, or not what it was when it was listed.
    """
    step = max(1, len(files) // 8)
    images = [file.read() for file in files[::step][:8]] or [_noise(crop_px)]
    cut = [images[i % len(images)] for i in range(8)]
    half = max(8, crop_px // 2)
    return {
        "as is": cut[0],
        "portrait": _part(cut[1], 2, 3),
        "landscape": _part(cut[2], 16, 9),
        "tiny": _part(cut[3], 4, 3).resize((4 * half // 3, half), Image.Resampling.BILINEAR),
        "huge": _part(cut[4], 3, 4).resize((3 * HUGE_PX // 4, HUGE_PX), Image.Resampling.BICUBIC),
        "square": _part(cut[5], 1, 1),
        "tall": _part(cut[6], 1, 3),
        "very tall": _part(cut[7], 1, 5),
    }


def _part(image: Image.Image, width: int, height: int) -> Image.Image:
    """Cut the largest part of a ratio out of the middle."""
    scale = min(image.width / width, image.height / height)
    wide, high = max(1, int(width * scale)), max(1, int(height * scale))
    left, top = (image.width - wide) // 2, (image.height - high) // 2
    return image.crop((left, top, left + wide, top + high))


def _noise(crop_px: int) -> Image.Image:
    generator = np.random.default_rng(0)
    shape = (2 * crop_px, 2 * crop_px + 1, 3)
    return Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8))


MAX_LEVELS = 2.0
MEAN_LEVELS = 0.5
"""Largest and mean difference from Pillow, in levels of 255."""
_ROUNDING = 0.01  # levels: what normalising and going back leaves

NAME = "preprocessing"


class Transform(Protocol):
    """An evaluation transform, with Pillow and numpy."""

    @property
    def mean(self) -> tuple[float, float, float]:
        """Per-channel mean on the [0, 1] scale."""
        ...

    @property
    def std(self) -> tuple[float, float, float]:
        """Per-channel standard deviation."""
        ...

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """Return what the network sees of an upright RGB image, ``(3, S, S)``."""
        ...


def check_preprocessing(
    inside: Inside | None, preprocess: Transform, images: Mapping[str, Image.Image]
) -> Gate:
    """Compare what a file's network gets with the evaluation transform, in levels of 255.

    Args:
        inside: Pixels to what the network gets; None where the file hides it.
        preprocess: The evaluation transform.
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
