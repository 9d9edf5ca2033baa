"""Random and central crops are those of torchvision: resize the short side, pad, cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as reference

from edgessl.recipe.view_tables import ViewGroup
from edgessl.rng import DrawKey
from edgessl.views import draw_params
from edgessl.views.sampler import make_views

KEY = DrawKey(0, 0, 0)
SHAPES = ((64, 64), (64, 96), (80, 50))
"""Height and width: square, wide, high."""


def _image(height: int, width: int) -> Tensor:
    """Smooth shapes, nowhere black, ``(1, 3, height, width)``."""
    coarse = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0.1, 1)


def _view(
    image: Tensor, group: ViewGroup, sample: int
) -> tuple[Tensor, tuple[int, int], tuple[int, int]]:
    """Return the view, the size of the resized image, and the corner of the crop in it."""
    height, width = image.shape[-2:]
    sizes = np.array([[height, width]], np.int32)
    params = draw_params(group, 0, sizes, np.array([sample]), KEY)
    assert group.resize_px is not None
    resized = [int(group.resize_px * side / min(height, width)) for side in (height, width)]
    left, top = np.rint(params.boxes[0, 0, :2] * resized[::-1]).astype(int).tolist()
    # Squashed to a square twice as fine, as a pack is.
    packed = reference.resize(image, [192, 192], InterpolationMode.BICUBIC).clamp(0, 1)
    return make_views(packed, group, params)[0], (resized[0], resized[1]), (top, left)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_central_crop_is_torchvisions(shape: tuple[int, int]) -> None:
    image = _image(*shape)
    group = ViewGroup(count=1, size_px=28, crop="central", resize_px=32, flip_p=0.0)
    view, _, _ = _view(image, group, 0)
    expected = reference.center_crop(reference.resize(image, [32], antialias=True), [28, 28])[0]
    assert (view - expected).abs().mean() <= 2 / 255


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("padding_px", [0, 4])
def test_the_random_crop_is_cut_out_of_the_resized_and_padded_image(
    shape: tuple[int, int], padding_px: int
) -> None:
    image = _image(*shape)
    group = ViewGroup(
        count=1, size_px=32, crop="random", resize_px=32, padding_px=padding_px, flip_p=0.0
    )
    for sample in range(8):
        view, resized, (top, left) = _view(image, group, sample)
        whole = reference.resize(image, list(resized), antialias=True)
        padded = reference.pad(whole, [padding_px] * 4)
        expected = reference.crop(padded, top + padding_px, left + padding_px, 32, 32)[0]
        assert (view - expected).abs().mean() <= 2 / 255
        assert torch.equal(view == 0.0, expected == 0.0)  # the padding is black


def test_random_crops_lie_anywhere_even_in_the_padding() -> None:
    count = 3000
    group = ViewGroup(count=1, size_px=32, crop="random", resize_px=40, padding_px=4)
    sizes = np.tile(np.array([[100, 200]], np.int32), (count, 1))
    boxes = draw_params(group, 0, sizes, np.arange(count), KEY).boxes[:, 0]
    np.testing.assert_allclose(boxes[:, 2:], np.tile([32 / 80, 32 / 40], (count, 1)))
    for corner, side in ((boxes[:, 0], 80), (boxes[:, 1], 40)):
        places = np.rint(corner * side).astype(int)
        assert places.min() == -4
        assert places.max() == side - 32 + 4
        jitter = np.random.default_rng(0).random(count)
        assert kstest((places + 4 + jitter) / (side - 32 + 9), "uniform").pvalue > 0.01
