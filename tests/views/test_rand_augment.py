"""RandAugment and cutout do to each image of a batch what torchvision and PIL do to one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as tv

from edgessl.recipe.view_tables import RandAugment, ViewGroup
from edgessl.rng import DrawKey
from edgessl.views import ViewSampler, geometry, levels
from edgessl.views.rand_augment import CHANGES, augment, cut_out, draw_augmentation

SIDE, IMAGES = 23, 5
KEY = DrawKey(seed=3, stage=2, epoch=1)
Reference = Callable[[Tensor, float], Tensor]


@pytest.fixture
def images() -> Tensor:
    """Smooth colours with noise on all 256 levels but few high ones, ``(5, 3, 23, 23)``."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(20, 150, SIDE)[None, None, :, None] + np.linspace(0, 60, SIDE)
    noise = rng.normal(0, 25, (IMAGES, 3, SIDE, SIDE))
    return torch.from_numpy((ramp + noise).clip(0, 255).round().astype(np.float32)) / 255.0


def _eight_bit(image: Tensor) -> Tensor:
    return (image * 255.0).round().to(torch.uint8)


def _pil(change: Callable[[Image.Image], Image.Image]) -> Reference:
    def reference(image: Tensor, _amount: float) -> Tensor:
        pixels = _eight_bit(image).permute(1, 2, 0).numpy()
        changed = np.array(change(Image.fromarray(pixels)))
        return torch.from_numpy(changed).permute(2, 0, 1) / 255.0

    return reference


def _affine(image: Tensor, *, shear: list[float] | None = None,
            translate: list[int] | None = None, corner: bool = False) -> Tensor:  # fmt: skip
    return tv.affine(
        image, 0.0, translate or [0, 0], 1.0, shear or [0.0, 0.0],
        interpolation=InterpolationMode.BILINEAR, center=[0, 0] if corner else None,
    )  # fmt: skip


def _degrees(tangent: float) -> float:
    return float(np.degrees(np.arctan(tangent)))


REFERENCES: dict[Callable[[Tensor, Tensor], Tensor], tuple[Reference, float]] = {
    geometry.shear_across: (
        lambda image, a: _affine(image, shear=[_degrees(a), 0.0], corner=True), 1e-5,
    ),
    geometry.shear_down: (
        lambda image, a: _affine(image, shear=[0.0, _degrees(a)], corner=True), 1e-5,
    ),
    geometry.shift_across: (lambda image, a: _affine(image, translate=[int(a * SIDE), 0]), 1e-5),
    geometry.shift_down: (lambda image, a: _affine(image, translate=[0, int(a * SIDE)]), 1e-5),
    geometry.rotate: (
        lambda image, a: tv.rotate(image, a, interpolation=InterpolationMode.BILINEAR), 2e-5,
    ),
    levels.brightness: (lambda image, a: tv.adjust_brightness(image, 1.0 + a), 1e-6),
    levels.saturation: (lambda image, a: tv.adjust_saturation(image, 1.0 + a), 1e-6),
    levels.contrast: (lambda image, a: tv.adjust_contrast(image, 1.0 + a), 1e-6),
    levels.sharpness: (lambda image, a: tv.adjust_sharpness(image, 1.0 + a), 1e-6),
    levels.posterize: (
        lambda image, a: tv.posterize(_eight_bit(image), 8 - round(a)) / 255.0, 1e-6,
    ),
    levels.solarize: (lambda image, a: tv.solarize(_eight_bit(image), 255.0 - a) / 255.0, 1e-6),
    levels.auto_contrast: (lambda image, _: tv.autocontrast(image), 1e-6),
    levels.equalize: (_pil(ImageOps.equalize), 1e-6),
}  # fmt: skip
"""Of every operation but none: the same for one image, and by how much it may differ."""


@pytest.mark.parametrize("change", REFERENCES, ids=lambda change: change.__name__)
def test_an_operation_is_torchvisions_with_an_amount_for_each_image(
    images: Tensor, change: Callable[[Tensor, Tensor], Tensor]
) -> None:
    most, both = next((most, both) for one, most, both in CHANGES if one is change)
    amounts = torch.linspace(-most if both else 0.0, most, IMAGES)
    reference, tolerance = REFERENCES[change]
    found = change(images.clone(), amounts)
    for image, amount, ours in zip(images, amounts.tolist(), found, strict=True):
        torch.testing.assert_close(ours, reference(image, amount), atol=tolerance, rtol=0.0)


def test_every_operation_has_a_reference() -> None:
    assert {change for change, _, _ in CHANGES} == {None, *REFERENCES}


@pytest.mark.parametrize("change", REFERENCES, ids=lambda change: change.__name__)
def test_an_image_of_one_colour_stays_in_range_and_finite(
    change: Callable[[Tensor, Tensor], Tensor],
) -> None:
    flat = torch.tensor([0.0, 0.5, 1.0])[:, None, None, None].expand(3, 3, 8, 8).clone()
    found = change(flat, torch.tensor([0.1, 0.2, 0.3]))
    assert found.isfinite().all()
    assert found.min() >= 0.0
    assert found.max() <= 1.0


def test_a_box_is_filled_with_grey_and_nothing_else(images: Tensor) -> None:
    """One inside, one that reaches beyond the corner, and none."""
    side = float(SIDE)
    box = np.array([[2, 3, 5, 9], [-4, -4, 2, 2], [7, 7, 7, 7]]) / side
    found = cut_out(images[:3].clone(), box)
    expected = images[:3].clone()
    expected[0, :, 3:9, 2:5] = 0.5
    expected[1, :, :2, :2] = 0.5
    assert torch.equal(found, expected)


def test_all_operations_and_both_directions_are_drawn_alike() -> None:
    table = RandAugment(operations=2, strength=0.5, cutout=0.4)
    drawn = draw_augmentation(table, np.arange(2), np.arange(3000), KEY)
    share = np.bincount(drawn.change.ravel(), minlength=len(CHANGES)) / drawn.change.size
    np.testing.assert_allclose(share, 1 / len(CHANGES), atol=0.01)
    rotations = drawn.amount[drawn.change == 5]
    assert -15.0 <= rotations.min() < -14.0
    assert 14.0 < rotations.max() <= 15.0
    widths = drawn.box[:, 2] - drawn.box[:, 0]
    assert 0.0 <= widths.min() < 0.01
    assert 0.39 < widths.max() <= 0.4


def test_an_image_is_changed_alike_in_any_batch(images: Tensor) -> None:
    table, ids = RandAugment(), np.arange(100, 100 + IMAGES)
    whole = augment(images.clone(), draw_augmentation(table, np.array([0]), ids, KEY))
    for at in ([3], [4, 0, 2]):
        drawn = draw_augmentation(table, np.array([0]), ids[at], KEY)
        assert torch.equal(augment(images[at].clone(), drawn), whole[at])


def test_a_group_without_it_has_the_views_that_it_always_had() -> None:
    packed = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8,
                           generator=torch.Generator().manual_seed(0))  # fmt: skip
    plain = ViewGroup(count=2, size_px=16, scale=(0.3, 1.0))
    nothing = plain.model_copy(update={"rand_augment": RandAugment(operations=0, cutout=0.0)})
    strong = plain.model_copy(update={"rand_augment": RandAugment()})
    sizes, ids = np.full((4, 2), 32, np.int32), np.arange(4)
    views = [
        ViewSampler((group,), (0.0,) * 3, (1.0,) * 3)(packed, sizes, ids, KEY)[0]
        for group in (plain, nothing, strong)
    ]
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])
