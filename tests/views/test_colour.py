"""Each colour operation with given parameters is torchvision's, to 1/255 in every pixel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as reference

from edgessl.views import colour
from edgessl.views.blur import blur_kernels, gaussian_blur

TOLERANCE = 1 / 255


@pytest.fixture
def pixels() -> Tensor:
    """Noise, with grey, black, white and pure colours among it, ``(6, 3, 48, 48)``."""
    result = torch.rand(6, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    result[0] = result[0, :1]  # grey: no hue
    result[1] = (result[1] > 0.5).float()  # corners of the colour cube: equal channels
    result[2, :, :8], result[2, :, 8:16] = 0.0, 1.0
    return result


@pytest.mark.parametrize(
    ("ours", "theirs", "factors"),
    [
        (colour.brightness, reference.adjust_brightness, (0.0, 0.6, 0.9, 1.0, 1.4, 1.8)),
        (colour.contrast, reference.adjust_contrast, (0.0, 0.6, 0.9, 1.0, 1.4, 1.8)),
        (colour.saturation, reference.adjust_saturation, (0.0, 0.6, 0.9, 1.0, 1.4, 1.8)),
        (colour.hue, reference.adjust_hue, (-0.5, -0.1, -0.03, 0.0, 0.1, 0.4)),
    ],
    ids=["brightness", "contrast", "saturation", "hue"],
)
def test_jitter_operations_match_torchvision_sample_by_sample(
    pixels: Tensor,
    ours: Callable[[Tensor, Tensor], Tensor],
    theirs: Callable[[Tensor, float], Tensor],
    factors: tuple[float, ...],
) -> None:
    for shift in range(len(factors)):  # every factor on every kind of image
        turned = (*factors[shift:], *factors[:shift])
        result = ours(pixels.clone(), torch.tensor(turned))
        expected = torch.stack([theirs(p, f) for p, f in zip(pixels, turned, strict=True)])
        assert (result - expected).abs().max() <= TOLERANCE


def test_grey_matches_torchvision(pixels: Tensor) -> None:
    expected = reference.rgb_to_grayscale(pixels)
    assert (colour.luma(pixels) - expected).abs().max() <= TOLERANCE


def test_solarise_inverts_from_128_of_255_on_as_torchvision(pixels: Tensor) -> None:
    pixels = (pixels * 255.0).round() / 255.0
    pixels[0, :, 0, :2] = torch.tensor([127.0, 128.0]) / 255.0
    expected = reference.solarize(pixels, threshold=128.0 / 255.0)
    torch.testing.assert_close(colour.solarize(pixels), expected)
    assert colour.solarize(pixels)[0, 0, 0, :2].mul(255).round().tolist() == [127.0, 127.0]


@pytest.mark.parametrize("sigma", [0.1, 0.3, 0.7, 1.3, 2.0])
def test_blur_matches_torchvision_with_a_kernel_too_wide_to_matter(
    pixels: Tensor, sigma: float
) -> None:
    expected = reference.gaussian_blur(pixels, kernel_size=[31, 31], sigma=[sigma, sigma])
    result = gaussian_blur(pixels, np.full(len(pixels), sigma))
    assert (result - expected).abs().max() <= TOLERANCE


def test_blur_has_a_sigma_of_its_own_for_every_sample(pixels: Tensor) -> None:
    sigma = np.array([0.1, 0.5, 0.9, 1.3, 1.7, 2.0])
    together = gaussian_blur(pixels, sigma)
    alone = torch.cat([gaussian_blur(p[None], s[None]) for p, s in zip(pixels, sigma, strict=True)])
    assert torch.equal(together, alone)


def test_blur_kernels_sum_to_one_and_do_not_depend_on_each_other() -> None:
    kernels = blur_kernels(np.array([0.1, 1.0, 2.0]))
    np.testing.assert_allclose(kernels.sum(axis=1), 1.0)
    alone = blur_kernels(np.array([1.0]))
    middle = kernels.shape[1] // 2
    near = slice(middle - alone.shape[1] // 2, middle + alone.shape[1] // 2 + 1)
    assert np.array_equal(kernels[1, near], alone[0])
    assert np.count_nonzero(kernels[1]) == np.count_nonzero(alone)


def test_blur_reflects_edges_as_often_as_a_small_image_needs() -> None:
    ramp = torch.arange(4.0).expand(1, 3, 4, 4) / 3.0
    flat = gaussian_blur(ramp, np.array([2.0]))[0, 0]
    assert (flat.diff(dim=1) > 0).all()
    torch.testing.assert_close(flat.mean(), torch.tensor(0.5))


@pytest.mark.parametrize("operation", colour.JITTER, ids=lambda op: op.__name__)
def test_the_neutral_factor_changes_nothing(
    pixels: Tensor, operation: Callable[[Tensor, Tensor], Tensor]
) -> None:
    neutral = 0.0 if operation is colour.hue else 1.0
    result = operation(pixels.clone(), torch.full((len(pixels),), neutral))
    torch.testing.assert_close(result, pixels, atol=1e-5, rtol=0)
