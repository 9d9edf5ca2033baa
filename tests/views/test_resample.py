"""crop_and_resize is torchvision's antialiased resized_crop, with a box for each sample."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as reference

from edgessl.recipe.view_tables import Interpolation
from edgessl.views.resample import crop_and_resize, place_crops

KERNELS = get_args(Interpolation)
SOURCE_PX = 96
BOXES = ((0, 0, 96, 96), (10, 20, 64, 48), (33, 7, 20, 30), (60, 60, 36, 30), (5, 80, 80, 11))
"""Left, top, width, height in pixels: shrunk, enlarged, thin, and touching the border."""


def _images(count: int) -> Tensor:
    """Smooth shapes and noise, ``(count, 3, 96, 96)``."""
    rng = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 12, 12, generator=rng)
    smooth = torch.nn.functional.interpolate(coarse, SOURCE_PX, mode="bilinear")
    return 0.7 * smooth + 0.3 * torch.rand(count, 3, SOURCE_PX, SOURCE_PX, generator=rng)


def _reference(images: Tensor, flips: list[bool], out_px: int, kernel: Interpolation) -> Tensor:
    views = []
    for image, (left, top, width, height), flip in zip(images, BOXES, flips, strict=True):
        view = reference.resized_crop(
            image, top, left, height, width, [out_px, out_px], InterpolationMode(kernel), True
        )
        views.append(view.flip(-1) if flip else view)
    return torch.stack(views).clamp(0.0, 1.0)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("out_px", [24, 64, 128])
def test_whole_pixel_boxes_match_torchvision(kernel: Interpolation, out_px: int) -> None:
    images = _images(len(BOXES))
    flips = [False, True, False, True, True]
    views = crop_and_resize(images, np.array(BOXES) / SOURCE_PX, np.array(flips), out_px, kernel)
    error = (views - _reference(images, flips, out_px, kernel)).abs()
    assert error.mean() <= 0.1 / 255
    assert error.max() <= 1 / 255


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_whole_image_at_its_own_size_is_unchanged(kernel: Interpolation) -> None:
    images = _images(2)
    box = np.array([[0.0, 0.0, 1.0, 1.0]] * 2)
    views = crop_and_resize(images, box, np.array([False, True]), SOURCE_PX, kernel)
    torch.testing.assert_close(views, torch.stack([images[0], images[1].flip(-1)]))


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_flipped_view_is_the_view_backwards(kernel: Interpolation) -> None:
    images, boxes = _images(len(BOXES)), np.array(BOXES) / SOURCE_PX
    forwards = crop_and_resize(images, boxes, np.zeros(len(BOXES), bool), 32, kernel)
    backwards = crop_and_resize(images, boxes, np.ones(len(BOXES), bool), 32, kernel)
    torch.testing.assert_close(backwards, forwards.flip(-1), atol=1e-5, rtol=0)


def test_a_crop_ends_on_the_same_pixel_wherever_float32_would_put_its_edge() -> None:
    for source_px in (96, 97, 300, 384):
        low = np.arange(0, source_px - 8)
        boxes = np.stack([low, low, np.full(len(low), 8), np.full(len(low), 8)], axis=1) / source_px
        places = place_crops(boxes, np.zeros(len(low), bool), 8, source_px)
        assert np.array_equal(places.first, [low, low])
        assert np.array_equal(places.last, [low + 7, low + 7])


@pytest.mark.parametrize("kernel", KERNELS)
def test_flat_images_stay_flat_in_every_box_even_under_a_pixel(kernel: Interpolation) -> None:
    corner = np.random.default_rng(1).random((200, 2))
    boxes = np.concatenate([corner, (1.0 - corner) * np.random.default_rng(2).random((200, 2))], 1)
    boxes[:50, 2:] *= 0.01  # narrower than one packed pixel
    images = torch.full((200, 3, 32, 32), 0.25)
    views = crop_and_resize(images, boxes, np.zeros(200, bool), 16, kernel)
    torch.testing.assert_close(views, torch.full_like(views, 0.25))


def test_pixels_outside_the_crop_have_no_say() -> None:
    images = torch.ones(1, 3, 64, 64)
    images[:, :, 16:48, 16:48] = 0.0
    box = np.array([[0.25, 0.25, 0.5, 0.5]])
    for kernel in KERNELS:
        view = crop_and_resize(images, box, np.array([False]), 8, kernel)
        assert view.abs().max() == 0.0
