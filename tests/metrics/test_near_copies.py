"""Re-encoded and slightly moved images are near copies; other images of one kind are none."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from edgessl.metrics.near_copies import count_near_copies

Pixels = NDArray[np.uint8]


def _scene(seed: int) -> Image.Image:
    """Blobs of colour, as smooth as photographs are."""
    noise = np.random.default_rng(seed).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    return Image.fromarray(noise).resize((64, 64), Image.Resampling.BICUBIC)


def _stacked(images: list[Image.Image]) -> Pixels:
    return np.stack([np.asarray(image).transpose(2, 0, 1) for image in images])


def _recoded(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=50)
    return Image.open(buffer).convert("RGB")


def test_copies_that_are_not_the_same_bytes_are_found() -> None:
    train = [_scene(seed) for seed in range(40)]
    copies = [
        _recoded(train[3]),
        train[5].resize((40, 40)).resize((64, 64)),
        train[7].filter(ImageFilter.GaussianBlur(1)),
        train[9].crop((1, 0, 64, 63)).resize((64, 64)),
        train[11].point(lambda value: round(value * 0.8 + 20)),
    ]
    fresh = [_scene(seed) for seed in range(100, 140)]
    assert count_near_copies(_stacked(copies), _stacked(train)) == len(copies)
    assert count_near_copies(_stacked([*fresh, *copies]), _stacked(train)) == len(copies)


def test_images_of_one_colour_are_no_copies_of_each_other() -> None:
    flat = np.full((5, 3, 64, 64), 90, np.uint8)
    assert count_near_copies(flat, flat + np.uint8(30)) == 0


def test_nothing_is_no_copy() -> None:
    none, some = np.zeros((0, 3, 8, 8), np.uint8), np.zeros((2, 3, 8, 8), np.uint8)
    assert count_near_copies(none, some) == count_near_copies(some, none) == 0
