"""A trial has a share of the epochs and images, and stays a recipe that can be run."""

from __future__ import annotations

import pytest

from edgessl.recipe import load_recipe
from edgessl.recipe.scaled import Scale, scaled_finetuning, scaled_pretraining

HUNDREDTH = Scale(0.01, 0.01)


def test_epochs_and_images_shrink_in_proportion() -> None:
    recipe = load_recipe("s3l-resnet18-moco")
    epochs, changes = scaled_pretraining(recipe, HUNDREDTH, 5994)
    assert epochs == 8  # of 800
    assert "data.max_images=60" in changes


def test_a_batch_leaves_several_steps_and_its_rate_shrinks_with_it() -> None:
    recipe = load_recipe("s3l-resnet18-moco")  # batch 128, rate 0.03 for the batch
    _, changes = scaled_pretraining(recipe, HUNDREDTH, 6400)
    small = load_recipe("s3l-resnet18-moco", overrides=changes)
    assert small.pretrain.batch_size == 16
    assert small.optim.lr == pytest.approx(0.03 * 16 / 128)


def test_a_rate_for_so_many_images_follows_the_batch_by_itself() -> None:
    recipe = load_recipe("sslight-mobilenetv2-dino")
    _, changes = scaled_pretraining(recipe, HUNDREDTH, 6400)
    assert load_recipe(recipe.name, overrides=changes).optim.lr == recipe.optim.lr


def test_a_queue_holds_no_more_than_the_images() -> None:
    recipe = load_recipe("s3l-resnet18-moco")
    _, changes = scaled_pretraining(recipe, HUNDREDTH, 6400)
    method = load_recipe(recipe.name, overrides=changes).method
    assert getattr(method, "queue", 0) == 64


def test_growing_stages_keep_one_epoch_each() -> None:
    recipe = load_recipe("s3l-resnet18-moco:56-112-224")
    assert scaled_pretraining(recipe, Scale(0.0001, 1.0), 100)[0] == 3


def test_a_whole_share_of_images_changes_no_counts() -> None:
    _, changes = scaled_pretraining(load_recipe("s3l-resnet18-moco"), Scale(0.1, 1.0), 5994)
    assert not [change for change in changes if change.startswith("data.")]


@pytest.mark.parametrize(
    "name",
    ["s3l-resnet50-byol", "sslight-vit-ti16-dino", "sslight-mobilenetv2-swav",
     "airl-resnet50-mocov2plus:lars", "cole-resnet50-supervised", "small-deit-ti-moco",
     "s3l-resnet18-moco:remove-conv5"],
)  # fmt: skip
def test_every_kind_of_recipe_is_one_still(name: str) -> None:
    recipe = load_recipe(name)
    _, changes = scaled_pretraining(recipe, HUNDREDTH, 3000)
    changes = (*changes, *scaled_finetuning(recipe, HUNDREDTH, 40))
    small = load_recipe(name, overrides=changes)
    assert small.finetune.batch_size <= 40
    assert small.finetune.epochs == max(1, round(recipe.finetune.epochs / 100))
