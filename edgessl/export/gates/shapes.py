"""Images of many shapes, cut from real files, to try a preprocessing on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from edgessl.data.decode import read_image

HUGE_PX = 2400
"""Long side of the huge image."""


def shaped_images(paths: Sequence[Path], crop_px: int) -> dict[str, Image.Image]:
    """Give each of eight files another shape.

    Args:
        paths: Image files; with none at all, noise stands in for them.
        crop_px: Side of what the network sees: ``tiny`` is half of it.

    Returns:
        RGB images ``portrait``, ``tall`` (1:3), ``very tall`` (1:5), ``landscape``, ``tiny``,
        ``huge`` and ``square``, and ``as is``: a file that is left alone.
    """
    step = max(1, len(paths) // 8)
    files = [read_image(path) for path in paths[::step][:8]] or [_noise(crop_px)]
    cut = [files[i % len(files)] for i in range(8)]
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
