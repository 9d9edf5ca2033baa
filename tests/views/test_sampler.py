"""The sampler makes every view from parameters of its own, whatever batch the image comes in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from edgessl.recipe.view_tables import Jitter, ViewGroup
from edgessl.rng import DrawKey
from edgessl.views import ViewParams, ViewSampler, draw_params
from edgessl.views.blur import gaussian_blur
from edgessl.views.colour import JITTER, luma, solarize
from edgessl.views.sampler import make_views

IMAGES, PACK_PX = 8, 40
STRONG = Jitter(p=0.9, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.2)
GLOBAL = ViewGroup(
    count=2, size_px=32, scale=(0.3, 1.0), jitter=STRONG, gray_p=0.3, blur_p=(1.0, 0.5),
    solarize_p=(0.0, 0.5), interpolation="bicubic",
)
LOCAL = ViewGroup(count=3, size_px=16, scale=(0.05, 0.3), jitter=STRONG, blur_p=(0.5, 0.5, 0.5))
KEY = DrawKey(seed=0, stage=0, epoch=0)
PLAIN = ViewSampler((GLOBAL, LOCAL), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@pytest.fixture
def packed() -> Tensor:
    """Coloured noise, ``(8, 3, 40, 40)`` uint8."""
    rng = torch.Generator().manual_seed(0)
    return torch.randint(256, (IMAGES, 3, PACK_PX, PACK_PX), dtype=torch.uint8, generator=rng)


def _views(packed: Tensor, ids: list[int], key: DrawKey = KEY) -> list[Tensor]:
    sizes = np.array([[40 + 7 * i, 90 - 5 * i] for i in ids], np.int32)
    return PLAIN(packed[ids], sizes, np.array(ids), key)


def test_every_group_gives_views_first_then_the_batch(packed: Tensor) -> None:
    shapes = [tuple(group.shape) for group in _views(packed, list(range(IMAGES)))]
    assert shapes == [(2, IMAGES, 3, 32, 32), (3, IMAGES, 3, 16, 16)]


def test_pixels_stay_in_range(packed: Tensor) -> None:
    for group in _views(packed, list(range(IMAGES))):
        assert group.min() >= 0.0
        assert group.max() <= 1.0


def test_an_image_has_the_same_views_in_any_batch_order_and_number_of_processes() -> None:
    """To the last bit: sides that fill no vector, crops of all sizes, one thread or two."""
    count, pack_px = 24, 75
    groups = (
        GLOBAL.model_copy(update={"size_px": 37, "scale": (0.05, 1.0)}),
        LOCAL.model_copy(update={"size_px": 19, "gray_p": 0.3}),
    )
    sampler = ViewSampler(groups, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    rng = np.random.default_rng(0)
    packed = torch.from_numpy(rng.integers(0, 256, (count, 3, pack_px, pack_px), np.uint8))
    sizes = rng.integers(20, 400, (count, 2)).astype(np.int32)

    def views(ids: list[int]) -> list[Tensor]:
        return sampler(packed[ids], sizes[ids], np.array(ids), KEY)

    whole = views(list(range(count)))
    batches = [
        list(range(0, count, 2)), list(range(1, count, 2)),  # two processes share the batch
        list(range(8)), list(range(8, 16)), list(range(16, count)),  # another batch size
        [5, 2, 23, 7, 11], [2], [17],
    ]  # fmt: skip
    threads = torch.get_num_threads()
    for batch in batches:
        for ours, theirs in zip(views(batch), whole, strict=True):
            assert torch.equal(ours, theirs[:, batch]), batch
    try:
        torch.set_num_threads(2)
        again = views(list(range(count)))
    finally:
        torch.set_num_threads(threads)
    for ours, theirs in zip(again, whole, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("change", ["seed", "stage", "epoch"])
def test_another_seed_stage_or_epoch_gives_other_views(packed: Tensor, change: str) -> None:
    ids = list(range(IMAGES))
    for ours, theirs in zip(
        _views(packed, ids), _views(packed, ids, replace(KEY, **{change: 1})), strict=True
    ):
        differ = (ours - theirs).abs().mean(dim=(2, 3, 4))
        assert (differ > 0.01).all()  # every view of every image


def test_no_two_samples_or_views_share_parameters() -> None:
    sizes = np.full((64, 2), 500, np.int32)
    shared = [
        draw_params(group, first, sizes, np.arange(64), KEY)
        for group, first in ((GLOBAL, 0), (LOCAL, 2))
    ]
    for name in ("boxes", "factors"):
        rows = np.concatenate([getattr(p, name).reshape(-1, 4) for p in shared])
        assert len(np.unique(rows, axis=0)) == 64 * 5


def test_views_are_normalised_last(packed: Tensor) -> None:
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
    ids, sizes = np.arange(IMAGES), np.full((IMAGES, 2), 100, np.int32)
    raw = PLAIN(packed, sizes, ids, KEY)
    normalised = ViewSampler((GLOBAL, LOCAL), mean, std)(packed, sizes, ids, KEY)
    for before, after in zip(raw, normalised, strict=True):
        expected = (before - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
        torch.testing.assert_close(after, expected, atol=1e-5, rtol=1e-5)


def test_channels_last_changes_the_layout_only(packed: Tensor) -> None:
    ids, sizes = np.arange(IMAGES), np.full((IMAGES, 2), 100, np.int32)
    sampler = ViewSampler(
        (GLOBAL, LOCAL), PLAIN.mean, PLAIN.std, memory_format=torch.channels_last
    )
    expected = PLAIN(packed, sizes, ids, KEY)
    for ours, theirs in zip(sampler(packed, sizes, ids, KEY), expected, strict=True):
        assert torch.equal(ours, theirs)
        assert ours.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)


def _operations_one_by_one(
    pixels: Tensor, group: ViewGroup, params: ViewParams, sample: int, view: int
) -> Tensor:
    """Apply what the parameters of one sample and view say, in their order."""
    at = (sample, view)
    if group.gray_first and params.gray[at]:
        pixels = luma(pixels).repeat(1, 3, 1, 1)
    if params.jitter[at]:
        for number in params.order[at]:
            factor = torch.tensor([params.factors[at][number]], dtype=torch.float32)
            pixels = JITTER[number](pixels, factor)
    if not group.gray_first and params.gray[at]:
        pixels = luma(pixels).expand(-1, 3, -1, -1)
    if params.sigma[at] > 0:
        pixels = gaussian_blur(pixels, np.array([params.sigma[at]]))
    return solarize(pixels) if params.solarize[at] else pixels


@pytest.mark.parametrize("gray_first", [False, True])
def test_each_sample_goes_through_its_operations_in_its_own_order(
    packed: Tensor, gray_first: bool
) -> None:
    group = GLOBAL.model_copy(update={"gray_first": gray_first})
    ids, sizes = np.arange(IMAGES), np.full((IMAGES, 2), 100, np.int32)
    params = draw_params(group, 0, sizes, ids, KEY)
    assert len(np.unique(params.order.reshape(-1, 4), axis=0)) > 4
    assert (params.gray & params.jitter).any()
    untouched = replace(
        params,
        jitter=np.zeros_like(params.jitter), gray=np.zeros_like(params.gray),
        sigma=np.zeros_like(params.sigma), solarize=np.zeros_like(params.solarize),
    )
    images = packed / 255.0
    views = make_views(images, group, params).view(2, IMAGES, 3, 32, 32)
    crops = make_views(images, group, untouched).view(2, IMAGES, 3, 32, 32)
    for view in range(2):
        for sample in range(IMAGES):
            crop = crops[view, sample][None].clone()
            expected = _operations_one_by_one(crop, group, params, sample, view)[0]
            torch.testing.assert_close(views[view, sample], expected, atol=1e-5, rtol=0)


@pytest.mark.gpu
def test_a_gpu_makes_the_same_views(packed: Tensor) -> None:
    """Within 2/255 on average; a pixel that rounds past the solarisation threshold is far off."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    ids, sizes = np.arange(IMAGES), np.full((IMAGES, 2), 100, np.int32)
    last = ViewSampler((GLOBAL, LOCAL), PLAIN.mean, PLAIN.std, memory_format=torch.channels_last)
    for sampler in (PLAIN, last):
        ours = sampler(packed.cuda(), sizes, ids, KEY)
        for gpu, cpu in zip(ours, sampler(packed, sizes, ids, KEY), strict=True):
            error = (gpu.cpu() - cpu).abs().mean(dim=(2, 3, 4))  # of every view of every image
            assert error.max() < 2 / 255


def test_grey_and_blur_commute_so_their_order_changes_nothing(packed: Tensor) -> None:
    pixels, sigma = packed / 255.0, np.linspace(0.1, 2.0, len(packed))
    grey_first = gaussian_blur(luma(pixels).expand(-1, 3, -1, -1), sigma)
    blur_first = luma(gaussian_blur(pixels, sigma)).expand(-1, 3, -1, -1)
    torch.testing.assert_close(grey_first, blur_first, atol=1e-5, rtol=0)
