"""The papers' supervised rows have the papers' numbers, or those of the scripts that they name.

Rates are golden values, computed from the released codes and torchvision's reference script.
"""

from __future__ import annotations

from functools import cache

import pytest

from edgessl.optim import learning_rate
from edgessl.recipe import Recipe, load_recipe
from edgessl.recipe.method_tables.supervised import SupervisedPretrainingTable
from edgessl.recipe.optim_tables import AdamW, Sgd
from edgessl.schedules import Clock


@cache
def recipe_of(name: str) -> Recipe:
    return load_recipe(name)


def _rates(recipe: Recipe, *epochs: int) -> list[float]:
    """Rates at the start of epochs of pretraining, of ten steps each."""
    table = recipe.pretrain
    return [
        learning_rate(recipe.optim, Clock(10 * epoch, 10, table.epochs), table.batch_size)
        for epoch in epochs
    ]


def _method(recipe: Recipe) -> SupervisedPretrainingTable:
    assert isinstance(recipe.method, SupervisedPretrainingTable)
    return recipe.method


@pytest.mark.parametrize("name", [
    "airl-resnet50", "cole-resnet50", "s3l-resnet18", "s3l-resnet50", "sslight-mobilenetv2",
    "sslight-resnet18", "sslight-resnet34", "sslight-resnet50", "sslight-vit-s16",
    "sslight-vit-ti16",
])  # fmt: skip
def test_one_view_of_a_label_and_linear_evaluation(name: str) -> None:
    recipe = recipe_of(f"{name}-supervised")
    assert _method(recipe).learns_labels()
    (group,) = recipe.views
    assert (group.count, group.size_px, group.scale) == (1, 224, (0.08, 1.0))
    assert recipe.finetune.trains == "classifier"
    assert recipe.backbone.last_stage == "keep"


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
def test_sslights_resnets_are_torchvisions(name: str) -> None:
    recipe = recipe_of(f"sslight-{name}-supervised")
    assert (recipe.pretrain.epochs, recipe.pretrain.batch_size) == (90, 256)
    assert _rates(recipe, 0, 29, 30, 59, 60, 89) == pytest.approx(
        [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    )
    assert recipe.optim.weight_decay == (1e-4, 1e-4)
    assert _method(recipe).label_smoothing == 0.0


def test_sslights_mobilenetv2_is_torchvisions() -> None:
    recipe = recipe_of("sslight-mobilenetv2-supervised")
    assert (recipe.pretrain.epochs, recipe.pretrain.batch_size) == (300, 256)
    assert _rates(recipe, 0, 1, 299) == pytest.approx([0.045, 0.0441, 0.045 * 0.98**299])
    assert recipe.optim.weight_decay == (4e-5, 4e-5)
    assert recipe.backbone.dropout == 0.2


@pytest.mark.parametrize("name", ["vit-ti16", "vit-s16"])
def test_sslights_transformers_are_deits(name: str) -> None:
    recipe = recipe_of(f"sslight-{name}-supervised")
    assert isinstance(recipe.optim, AdamW)
    assert (recipe.pretrain.epochs, recipe.pretrain.batch_size) == (300, 1024)
    assert _rates(recipe, 0, 5) == pytest.approx([1e-6, 1e-3], rel=1e-3)
    assert recipe.optim.weight_decay == (0.05, 0.05)
    assert (_method(recipe).label_smoothing, _method(recipe).mixup_alpha) == (0.1, 0.8)
    assert recipe.backbone.drop_path == 0.1
    assert recipe.finetune == recipe_of(f"sslight-{name}-dino").finetune


def test_s3ls_script_of_small_imagenet() -> None:
    recipe = recipe_of("s3l-resnet50-supervised:small-imagenet")
    assert recipe.data.max_images == 50_000
    assert (recipe.pretrain.epochs, recipe.pretrain.batch_size) == (800, 256)
    assert _rates(recipe, 0, 400) == pytest.approx([0.1, 0.05])
    assert recipe.optim.weight_decay == (0.0, 0.0)
    assert recipe.pretrain.batchnorm_groups == 8
    fewer = recipe_of("s3l-resnet50-supervised:small-imagenet-10000")
    assert (fewer.data.max_images, fewer.pretrain.epochs) == (10_000, 2000)
    assert recipe_of("s3l-resnet50-supervised").pretrain.epochs == 100


@pytest.mark.parametrize("network", ["resnet18", "resnet50"])
@pytest.mark.parametrize(
    ("variant", "lr", "trains", "mixup", "px"),
    [
        ("in-super", 0.01, "network", 0.0, 224),
        ("in-super-mixup", 0.01, "network", 1.0, 224),
        ("in-super-448", 0.01, "network", 0.0, 448),
        ("in-super-linear", 10.0, "classifier", 0.0, 224),
    ],
)
def test_s3ls_transfer_from_supervised_weights(
    network: str, variant: str, lr: float, trains: str, mixup: float, px: int
) -> None:
    recipe = recipe_of(f"s3l-{network}-supervised:{variant}")
    finetune = recipe.finetune
    assert (finetune.epochs, finetune.batch_size, finetune.trains) == (120, 64, trains)
    clocks = [Clock(93 * epoch, 93, 120) for epoch in (0, 39, 40, 79, 80, 119)]
    rates = [learning_rate(finetune.optim, clock, 64) / lr for clock in clocks]
    assert rates == pytest.approx([1.0, 1.0, 0.1, 0.1, 0.01, 0.01])
    assert finetune.optim.weight_decay == (5e-4, 5e-4)
    assert finetune.mixup_alpha == mixup
    assert (finetune.view.crop, finetune.view.size_px, recipe.image.crop_px) == ("random", px, px)


@pytest.mark.parametrize("network", ["resnet18", "resnet50"])
@pytest.mark.parametrize(
    ("variant", "px", "resize_px", "mixup"),
    [("random-init", 224, 256, 1.0), ("random-init-no-mixup", 224, 256, 0.0),
     ("random-init-112", 112, 128, 1.0)],
)  # fmt: skip
def test_s3ls_random_start_is_its_fine_tuning(
    network: str, variant: str, px: int, resize_px: int, mixup: float
) -> None:
    recipe = recipe_of(f"s3l-{network}-supervised:{variant}")
    finetune = recipe_of(f"s3l-{network}-simclr").finetune
    table = recipe.pretrain
    assert (table.epochs, table.batch_size, table.batchnorm_groups) == (
        finetune.epochs, finetune.batch_size, finetune.batchnorm_groups
    )  # fmt: skip
    assert recipe.optim == finetune.optim
    assert _method(recipe).mixup_alpha == mixup
    (group,) = recipe.views
    assert (group.size_px, group.resize_px, group.crop) == (px, resize_px, "random")
    assert (recipe.image.resize_px, recipe.image.crop_px) == (resize_px, px)


def test_airls_epochs_classes_and_labels() -> None:
    name = "airl-resnet50-supervised"
    whole = recipe_of(name).pretrain.epochs
    assert [recipe_of(f"{name}:{n}-epochs").pretrain.epochs for n in (200, 300, 500)] == [
        200, 300, 500
    ]  # fmt: skip
    for percent in (10, 20, 50, 70):  # of 1000 classes, with as many steps
        recipe = recipe_of(f"{name}:{percent}-percent-classes")
        assert recipe.data.max_classes == 10 * percent
        assert recipe.pretrain.epochs == round(whole * 100 / percent)
    labels = {recipe_of(f"{name}:{count}-classes").data.labels for count in (2, 10, 79, 127)}
    assert labels == {"2", "10", "79", "127"}


def test_coles_training_from_scratch_is_the_variant_of_its_other_recipes() -> None:
    recipe = recipe_of("cole-resnet50-supervised")
    scratch = recipe_of("cole-resnet50-simclr:from-scratch").finetune
    assert (recipe.pretrain.epochs, recipe.pretrain.batch_size) == (90, 512)
    assert _rates(recipe, 0, 29, 30, 59, 60) == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])
    assert isinstance(recipe.optim, Sgd)
    assert recipe.optim.model_copy(
        update={"milestones_percent": scratch.optim.milestones_percent}
    ) == scratch.optim
    assert recipe.views == (scratch.view,)
    assert recipe.finetune == recipe_of("cole-resnet50-simclr").finetune
    assert recipe.image == recipe_of("cole-resnet50-simclr").image


@pytest.mark.parametrize("classes", [200, 500])
def test_coles_fewer_classes_have_as_many_images(classes: int) -> None:
    data = recipe_of(f"cole-resnet50-simclr:{classes}-classes").data
    assert (data.max_classes, data.max_images) == (classes, 100_000)
