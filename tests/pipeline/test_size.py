"""``--size``: everything that is a side of an image keeps its proportion."""

from __future__ import annotations

import pytest
import torch

from edgessl.data.dataset import Dataset, Split
from edgessl.errors import UserError
from edgessl.pipeline.preflight import recipe_for
from edgessl.pipeline.size import sized
from edgessl.recipe import load_recipe


def test_image_views_and_fine_tuning_change_together() -> None:
    draft = load_recipe("mobilenetv2-dino")
    found = load_recipe("mobilenetv2-dino", overrides=sized(draft, 128))
    assert (found.image.crop_px, found.image.resize_px) == (128, 146)
    assert [group.size_px for group in found.views] == [128, 72]
    assert found.finetune.view.size_px == 128


def test_stages_of_growing_views_grow_as_before() -> None:
    name = "s3l-resnet18-moco:112-224"
    draft = load_recipe(name)
    found = load_recipe(name, overrides=sized(draft, 2 * draft.image.crop_px))
    for before, after in zip(draft.pretrain.stages, found.pretrain.stages, strict=True):
        assert after.views_px == tuple(2 * side for side in before.views_px)
    assert found.views[0].size_px == 2 * draft.views[0].size_px


def test_the_large_views_of_a_start_keep_their_ratio() -> None:
    draft = load_recipe("efficientnet-lite0-dino:from-weights")
    found = load_recipe("efficientnet-lite0-dino:from-weights", overrides=sized(draft, 64))
    assert (found.image.crop_px, found.views[0].size_px) == (64, 112)


def test_no_size_changes_nothing() -> None:
    assert sized(load_recipe("mobilenetv2-dino"), None) == ()


@pytest.mark.parametrize(
    ("size", "told"),
    [(4, "--size: must be at least 8 pixels, got 4"),
     (10, r"--size: must leave at least 8 pixels of views.1.size_px = 36, got 10 for the 64")],
)
def test_a_size_without_room_is_refused(size: int, told: str) -> None:
    with pytest.raises(UserError, match=told):
        sized(load_recipe("mobilenetv2-dino"), size)


def _small(name: str) -> Dataset:
    return Dataset(
        name=name, source=name, classes=(), train=Split(), unlabeled=Split(), val=Split(),
        test=Split(), quarantined=(), duplicates=0, notes=(), fingerprint="",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["mobilenetv2-dino", "vit-ti16-simclr", "mobilenetv2-dino:shape"])
def test_factory_recipes_take_twice_the_side_on_a_gpu(name: str) -> None:
    on_cpu = recipe_for(name, (), _small("photos"), torch.device("cpu"))
    on_gpu = recipe_for(name, (), _small("photos"), torch.device("cuda"))
    assert (on_cpu.image.crop_px, on_gpu.image.crop_px) == (64, 128)
    assert [2 * group.size_px for group in on_cpu.views] == [g.size_px for g in on_gpu.views]
    assert on_gpu.finetune.view.size_px == 128


def test_the_user_has_the_last_word_on_the_side() -> None:
    gpu = torch.device("cuda")
    assert recipe_for("mobilenetv2-dino", (), _small("photos"), gpu, 96).image.crop_px == 96
    own = ("image.crop_px=80", "image.resize_px=90")
    found = recipe_for("mobilenetv2-dino", own, _small("photos"), gpu)
    assert (found.image.crop_px, found.views[0].size_px) == (80, 64)


def test_the_demo_set_has_no_more_pixels_to_show() -> None:
    on_cpu, on_gpu = (
        recipe_for("mobilenetv2-dino", (), _small("demo"), torch.device(name))
        for name in ("cpu", "cuda")
    )
    assert on_gpu.model_dump(exclude={"image"}) == on_cpu.model_dump(exclude={"image"})
    assert on_gpu.image.crop_px == on_cpu.image.crop_px
