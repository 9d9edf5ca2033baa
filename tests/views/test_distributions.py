"""Random parameters of views have torchvision's distributions."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import ks_2samp, kstest
from torchvision.transforms import ColorJitter, GaussianBlur, RandomResizedCrop

from edgessl.recipe.view_tables import Jitter, ViewGroup
from edgessl.rng import DrawKey
from edgessl.views import ViewParams, draw_params

DRAWS = 4000
LEAST_P = 0.01
"""The seeds are fixed, so these tests always give the same p."""


def _draw(group: ViewGroup, height: int = 480, width: int = 640) -> ViewParams:
    sizes = np.tile(np.array([[height, width]], np.int32), (DRAWS, 1))
    return draw_params(group, 0, sizes, np.arange(DRAWS), DrawKey(1, 0, 0))


def _reference_boxes(group: ViewGroup, height: int, width: int) -> NDArray[np.float64]:
    """Return torchvision's left, top, width, height as shares of the image, ``(DRAWS, 4)``."""
    image = torch.empty(3, height, width)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = [
            RandomResizedCrop.get_params(image, list(group.scale), list(group.ratio))
            for _ in range(DRAWS)
        ]
    top, left, box_height, box_width = np.array(drawn, np.float64).T
    return np.stack([left / width, top / height, box_width / width, box_height / height], axis=1)


@pytest.mark.parametrize("scale", [(0.3, 1.0), (0.05, 0.3), (0.2, 1.0)])
@pytest.mark.parametrize(("height", "width"), [(480, 640), (640, 360), (224, 224), (90, 600)])
def test_crops_have_the_area_aspect_and_place_of_random_resized_crop(
    scale: tuple[float, float], height: int, width: int
) -> None:
    group = ViewGroup(count=1, size_px=64, scale=scale)
    ours = _draw(group, height, width).boxes[:, 0]
    theirs = _reference_boxes(group, height, width)
    for name, of in {
        "area": lambda box: box[:, 2] * box[:, 3],
        "aspect": lambda box: box[:, 2] / box[:, 3],
        "left": lambda box: box[:, 0],
        "top": lambda box: box[:, 1],
    }.items():
        assert ks_2samp(of(ours), of(theirs)).pvalue > LEAST_P, name


def test_boxes_are_whole_pixels_inside_the_image() -> None:
    boxes = _draw(ViewGroup(count=2, size_px=64, scale=(0.05, 1.0)), 37, 53).boxes
    pixels = boxes * [53, 37, 53, 37]
    np.testing.assert_allclose(pixels, np.rint(pixels), atol=1e-9)
    assert boxes.min() >= 0.0
    assert (boxes[..., :2] + boxes[..., 2:]).max() <= 1.0 + 1e-9


def test_an_image_that_no_crop_fits_gets_the_central_one() -> None:
    group = ViewGroup(count=1, size_px=64, scale=(1.0, 1.0))
    boxes = _draw(group, 100, 1000).boxes[:, 0]  # 10:1 cannot hold its whole area within 4:3
    left = math.floor((1000 - 133) / 2) / 1000
    np.testing.assert_allclose(boxes, np.tile([left, 0.0, 0.133, 1.0], (DRAWS, 1)))


def test_jitter_factors_and_order_are_those_of_color_jitter() -> None:
    jitter = Jitter(p=1.0, brightness=0.4, contrast=1.2, saturation=0.2, hue=0.1)
    params = _draw(ViewGroup(count=1, size_px=64, scale=(0.3, 1.0), jitter=jitter))
    transform = ColorJitter(0.4, 1.2, 0.2, 0.1)
    ranges = (transform.brightness, transform.contrast, transform.saturation, transform.hue)
    for number, (low, high) in enumerate(ranges):
        uniform = kstest(params.factors[:, 0, number], "uniform", args=(low, high - low))
        assert uniform.pvalue > LEAST_P
    orders, counts = np.unique(params.order[:, 0], axis=0, return_counts=True)
    assert {tuple(order) for order in orders.tolist()} == set(permutations(range(4)))
    assert np.abs(counts - DRAWS / 24).max() < 4 * _sigma(1 / 24)


def test_blur_strength_is_uniform_as_in_gaussian_blur() -> None:
    group = ViewGroup(count=1, size_px=64, scale=(0.3, 1.0), blur_p=(1.0,), blur_sigma=(0.1, 2.0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = [GaussianBlur.get_params(0.1, 2.0) for _ in range(DRAWS)]
    assert ks_2samp(_draw(group).sigma[:, 0], theirs).pvalue > LEAST_P


def _sigma(p: float) -> float:
    return math.sqrt(DRAWS * p * (1.0 - p))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_every_operation_happens_as_often_as_asked(p: float) -> None:
    params = _draw(
        ViewGroup(
            count=2, size_px=64, scale=(0.3, 1.0), flip_p=p, gray_p=p, jitter=Jitter(p=p),
            blur_p=(p, 0.0), solarize_p=(0.0, p),
        )
    )
    happened = {
        "flip": params.flip, "gray": params.gray, "jitter": params.jitter,
        "blur": params.sigma[:, :1] > 0, "solarise": params.solarize[:, 1:],
    }
    for name, mask in happened.items():
        for view in mask.T:
            assert abs(view.sum() - DRAWS * p) < 4 * _sigma(p), name
    assert not params.sigma[:, 1].any()  # each view of a group has probabilities of its own
    assert not params.solarize[:, 0].any()


def test_probabilities_of_0_and_1_are_never_and_always() -> None:
    never = _draw(ViewGroup(count=1, size_px=64, scale=(0.3, 1.0), flip_p=0.0))
    assert not (never.flip | never.gray | never.jitter | never.solarize).any()
    assert not never.sigma.any()
    always = _draw(
        ViewGroup(
            count=1, size_px=64, scale=(0.3, 1.0), flip_p=1.0, gray_p=1.0, jitter=Jitter(p=1.0),
            blur_p=(1.0,), solarize_p=(1.0,),
        )
    )
    assert (always.flip & always.gray & always.jitter & always.solarize).all()
    assert (always.sigma > 0).all()


def test_operations_of_a_view_do_not_depend_on_each_other() -> None:
    jitter = Jitter(p=0.5, brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)
    params = _draw(
        ViewGroup(
            count=2, size_px=64, scale=(0.3, 1.0), jitter=jitter, gray_p=0.5,
            blur_p=(0.5, 0.5), solarize_p=(0.5, 0.5),
        )
    )
    columns = [
        *params.boxes.reshape(DRAWS, -1).T, *params.flip.T, *params.jitter.T, *params.gray.T,
        *params.factors.reshape(DRAWS, -1).T, *(params.sigma > 0).T, *params.solarize.T,
    ]
    related: NDArray[np.float64] = np.asarray(np.corrcoef(np.array(columns, np.float64)))
    np.fill_diagonal(related, 0.0)
    for view in (0, 4):  # the parts of one box do depend on each other
        related[view : view + 4, view : view + 4] = 0.0
    assert np.abs(related).max() < 4.5 / math.sqrt(DRAWS)


def test_golden_parameters_never_change() -> None:
    """A released recipe must give the same views for ever; made with the first version."""
    jitter = Jitter(p=0.8, brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)
    group = ViewGroup(
        count=2, size_px=32, scale=(0.3, 1.0), jitter=jitter, gray_p=0.2, blur_p=(1.0, 0.1),
        solarize_p=(0.0, 0.2),
    )
    sizes = np.array([[30, 400], [375, 500]], np.int32)
    params = draw_params(group, 0, sizes, np.arange(2), DrawKey(0, 0, 0))
    pixels = params.boxes * np.concatenate([sizes[:, ::-1]] * 2, axis=1)[:, None]
    np.testing.assert_allclose(
        pixels,
        [
            [[180.0, 0.0, 40.0, 30.0], [180.0, 0.0, 40.0, 30.0]],  # no try fits: the central crop
            [[114.0, 33.0, 352.0, 337.0], [165.0, 78.0, 281.0, 280.0]],
        ],
    )
    assert params.order.tolist() == [[[2, 1, 0, 3], [1, 0, 3, 2]], [[2, 3, 0, 1], [3, 2, 0, 1]]]
    np.testing.assert_allclose(
        params.factors[:, 1],
        [
            [1.2453854770598056, 0.8777463251666543, 1.1675669617302036, -0.04609450474716295],
            [0.6658699580409295, 0.743842536525898, 0.8314198735140953, 0.0005015030833298295],
        ],
        rtol=1e-12,
    )
    np.testing.assert_allclose(
        params.sigma, [[0.34514390937536565, 0.0], [0.395909839287764, 0.0]], rtol=1e-12
    )
    assert params.flip.tolist() == [[True, False], [False, False]]
    assert params.gray.tolist() == [[False, True], [False, False]]
    assert not params.solarize.any()
    assert params.jitter.all()
