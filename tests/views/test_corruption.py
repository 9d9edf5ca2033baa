"""Corruptions do what Pillow does, the same in every epoch, and leave what is small already."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from edgessl.recipe import load_recipe
from edgessl.recipe.view_tables import ViewGroup
from edgessl.rng import DrawKey
from edgessl.views import ViewSampler
from edgessl.views.corruption import Corruption, down_and_up, jpeg, salt_and_pepper

SIDE = 64


def photograph(seed: int = 0) -> Image.Image:
    """Something with edges, slopes and colours, as a photograph has."""
    draw = np.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(0, 255, (9, 9, 3), dtype=np.uint8))
    return coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def as_tensor(*images: Image.Image) -> Tensor:
    arrays = np.stack([np.asarray(image, dtype=np.float32) / 255 for image in images])
    return torch.from_numpy(arrays).permute(0, 3, 1, 2).contiguous()


def sizes_of(*sizes: tuple[int, int]) -> Any:
    return np.array(sizes, np.int32)


SQUARE = sizes_of((400, 400))


@pytest.mark.parametrize("quality", [10, 50, 90])
def test_jpeg_is_that_of_pillow(quality: int) -> None:
    image, file = photograph(), io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    wanted = as_tensor(Image.open(file))
    found = jpeg(as_tensor(image), quality)
    # Chroma is enlarged by another filter in libjpeg, and products are rounded elsewhere.
    assert (found - wanted).abs().mean() < 0.008
    assert (wanted - as_tensor(image)).abs().mean() > 2 * (found - wanted).abs().mean() or (
        quality == 90
    )


def test_jpeg_takes_sides_that_are_no_multiple_of_its_blocks() -> None:
    assert jpeg(torch.rand(2, 3, 21, 21), 10).shape == (2, 3, 21, 21)


def test_shrinking_and_enlarging_is_that_of_pillow() -> None:
    image = photograph()
    small = image.resize((32, 32), Image.Resampling.BICUBIC)
    wanted = as_tensor(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    # 400 px, packed at 64: a short side of 64 halved leaves 32 of them.
    found = down_and_up(as_tensor(image), SQUARE, 64, 2)
    assert (found - wanted).abs().max() < 0.02


def test_neighbours_are_those_of_pillow() -> None:
    image = photograph()
    small = image.resize((16, 16), Image.Resampling.NEAREST)
    wanted = as_tensor(small.resize((SIDE, SIDE), Image.Resampling.NEAREST))
    found = down_and_up(as_tensor(image), SQUARE, SIDE, 4, "nearest")
    assert torch.allclose(found, wanted, atol=1e-5)


def test_an_image_that_is_only_resized_by_neighbours_is_smooth_in_the_pack() -> None:
    small = photograph().resize((32, 32), Image.Resampling.NEAREST)
    wanted = as_tensor(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    found = down_and_up(as_tensor(photograph()), SQUARE, 32, 1, "nearest")
    assert (found - wanted).abs().max() < 0.02


def test_the_long_side_keeps_its_share() -> None:
    wide = down_and_up(as_tensor(photograph()), sizes_of((200, 800)), 16, 1)
    rows, columns = (wide.diff(dim=axis).abs().mean() for axis in (2, 3))
    assert columns > rows  # 16 px high, 64 wide: across nothing is lost


def test_what_is_packed_smaller_stays_as_it_is() -> None:
    images = as_tensor(photograph())
    assert torch.equal(down_and_up(images, SQUARE, 256, 4), images)


def test_one_pixel_in_a_hundred_is_salt_or_pepper() -> None:
    images = torch.full((8, 3, SIDE, SIDE), 0.5)
    noisy = salt_and_pepper(images, np.arange(8), 0)
    for value in (0.0, 1.0):
        assert float((noisy == value).float().mean()) == pytest.approx(0.005, rel=0.15)
    assert torch.equal(images, torch.full_like(images, 0.5))


def test_noise_belongs_to_the_image_and_the_seed() -> None:
    images = torch.full((2, 3, SIDE, SIDE), 0.5)
    both = salt_and_pepper(images, np.array([7, 9]), 0)
    assert torch.equal(salt_and_pepper(images[:1], np.array([9]), 0)[0], both[1])
    assert not torch.equal(salt_and_pepper(images[:1], np.array([9]), 1)[0], both[1])


GROUP = ViewGroup(count=1, size_px=SIDE, crop="central", resize_px=SIDE, flip_p=0.0)


@pytest.mark.parametrize("name", ["resize", "downsample_2", "jpeg", "salt_and_pepper"])
def test_views_are_cut_out_of_the_corrupted_image_in_every_epoch(name: Any) -> None:
    packed = (as_tensor(photograph()) * 255).round().to(torch.uint8)
    corruption = Corruption(name, 48)
    sampler = ViewSampler([GROUP], (0.0,) * 3, (1.0,) * 3, corruption=corruption)
    ids = np.array([3])
    first, later = (sampler(packed, SQUARE, ids, DrawKey(0, 0, epoch))[0][0] for epoch in (0, 5))
    wanted = corruption(packed.float() / 255, SQUARE, ids, 0)
    assert torch.allclose(first, wanted, atol=1e-5)
    assert torch.equal(first, later)
    assert not torch.allclose(first, packed.float() / 255, atol=1e-2)


def test_a_recipe_names_its_corruption() -> None:
    changes = ['data.corruption="jpeg"']
    assert load_recipe("mobilenetv2-dino", overrides=changes).data.corruption == "jpeg"
