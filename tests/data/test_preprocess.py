"""The evaluation transform is torchvision's on ordinary images, and one order of axes on all."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import save
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import center_crop, resize

from edgessl.data.preprocess import FILTERS, Preprocess, decode_eval
from edgessl.data.verify import verify
from edgessl.errors import UserError

Kernel = Literal["bilinear", "bicubic"]
KERNELS: tuple[Kernel, ...] = ("bilinear", "bicubic")
ORDINARY = [(640, 480), (480, 640), (97, 131), (64, 64), (33, 40), (72, 72), (200, 9), (300, 600)]
TALL = [(75, 300), (80, 240), (300, 900), (40, 200), (72, 400)]
"""Pillow 13 resamples some of these height first in one call; (width, height)."""


def noise(width: int, height: int) -> Image.Image:
    generator = np.random.default_rng(width)
    return Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))


def in_strips(image: Image.Image, width: int, height: int, kernel: Kernel) -> NDArray[np.uint8]:
    """Resample the width of every row on its own, then the height of every column.

    One axis is left to each call, so no version of Pillow has an order to choose.
    """
    pixels = np.asarray(image)
    rows = [
        np.asarray(Image.fromarray(pixels[y : y + 1]).resize((width, 1), FILTERS[kernel]))
        for y in range(image.height)
    ]
    wide = np.concatenate(rows)
    columns = [
        np.asarray(Image.fromarray(wide[:, x : x + 1]).resize((1, height), FILTERS[kernel]))
        for x in range(width)
    ]
    return np.concatenate(columns, axis=1)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", ORDINARY)
def test_an_ordinary_image_is_resized_and_cropped_as_torchvision_does(
    size: tuple[int, int], kernel: Kernel
) -> None:
    image = noise(*size)
    expected = center_crop(resize(image, [72], InterpolationMode(kernel)), [64])
    got = Preprocess(72, 64, kernel).pixels(image)
    np.testing.assert_array_equal(got, np.asarray(expected).transpose(2, 0, 1))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", TALL)
def test_a_tall_image_is_resampled_width_first_whatever_pillow_prefers(
    size: tuple[int, int], kernel: Kernel
) -> None:
    width, height = size
    new_height = 72 * height // width
    expected = in_strips(noise(*size), 72, new_height, kernel)
    top = round((new_height - 64) / 2)
    got = Preprocess(72, 64, kernel).pixels(noise(*size))
    np.testing.assert_array_equal(got, expected[top : top + 64, 4:68].transpose(2, 0, 1))


def test_originals_that_are_not_what_was_listed_are_refused_by_name(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{seed}.png", seed) for seed in range(3)]
    digests = [found.digest for found in verify(paths)]
    decode_eval(paths, Preprocess(16, 16), digests=digests)
    save(paths[1], seed=9)
    with pytest.raises(UserError, match=r"1\.png: must stay as it was when it was listed"):
        decode_eval(paths, Preprocess(16, 16), digests=digests)
    paths[1].unlink()
    with pytest.raises(UserError, match=r"1\.png: must be an image, got: missing"):
        decode_eval(paths, Preprocess(16, 16), digests=digests)
