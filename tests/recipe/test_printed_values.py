"""Where a recipe follows released code or a choice of ours, a variant has the printed value."""

from __future__ import annotations

import pytest

from edgessl.recipe import Recipe, load_recipe

COLE = ("cole-resnet34-simclr", "cole-resnet50-simclr", "cole-resnet101-simclr")
CNNS = tuple(f"sslight-{net}" for net in (
    "mobilenetv2-dino", "mobilenetv2-moco", "mobilenetv2-swav", "resnet18-dino", "resnet34-dino",
    "resnet50-dino",
))  # fmt: skip
VITS = ("sslight-vit-ti16-dino", "sslight-vit-ti32-dino", "sslight-vit-s16-dino")
SMALL = ("mobilenetv3l", "mobilenetv3s", "efficientnet-b0", "resnet18", "deit-ti")


def peak(recipe: Recipe) -> float:
    """The rate after the warm-up, scaled with the batch as the recipe says."""
    optim = recipe.optim
    return optim.lr * (recipe.pretrain.batch_size / optim.lr_batch if optim.lr_batch else 1.0)


@pytest.mark.parametrize("name", COLE)
def test_coles_rate_is_the_printed_one_and_simclrs_a_variant(name: str) -> None:
    """Appendix C.2: 0.075 x 4096 / 256, and 0.025 x 4096 / 256 for small sets."""
    assert peak(load_recipe(name)) == pytest.approx(1.2)
    assert peak(load_recipe(f"{name}:linear-lr")) == pytest.approx(1.2)
    assert peak(load_recipe(f"{name}:small-set")) == pytest.approx(0.4)
    assert peak(load_recipe(f"{name}:sqrt-lr")) == pytest.approx(4.8)
    assert peak(load_recipe(f"{name}:small-set-sqrt-lr")) == pytest.approx(1.6)


@pytest.mark.parametrize("name", SMALL)
def test_ssl_smalls_caltech101_has_one_rate_throughout(name: str) -> None:
    """Section 5: "we set the base learning rate as 2 without scheduling"."""
    optim = load_recipe(f"small-{name}-moco:transfer-caltech101-constant").finetune.optim
    released = load_recipe(f"small-{name}-moco:transfer-caltech101").finetune.optim
    assert (optim.lr, optim.curve, optim.milestones_percent) == (2.0, "steps", ())
    assert released.milestones_percent == pytest.approx((66.6667,))


@pytest.mark.parametrize("name", CNNS)
def test_sslights_floor_is_a_thousandth_of_the_peak(name: str) -> None:
    """Table 7: the least rate is the rate times 1e-3."""
    recipe = load_recipe(f"{name}:printed-final-lr")
    assert recipe.optim.final_lr == pytest.approx(1e-3 * peak(recipe))
    assert load_recipe(name).optim.final_lr == 0.0048


@pytest.mark.parametrize("name", CNNS)
def test_sslights_depthwise_convolutions_are_left_out_of_lars(name: str) -> None:
    """Appendix A: "excluded from the layer-wise LR scaling"."""
    assert not load_recipe(f"{name}:printed-lars").optim.adapt_depthwise  # type: ignore[union-attr]
    assert load_recipe(name).optim.adapt_depthwise  # type: ignore[union-attr]


@pytest.mark.parametrize("name", VITS)
def test_sslights_probe_of_transformers_is_that_of_table_7(name: str) -> None:
    printed, released = (load_recipe(one).finetune for one in (f"{name}:printed-probe", name))
    assert (printed.batch_size, printed.optim.final_lr) == (4096, 1e-5)
    assert (released.batch_size, released.optim.final_lr) == (1024, 1e-6)


@pytest.mark.parametrize("method", ["moco", "simclr", "byol"])
@pytest.mark.parametrize("network", ["resnet18", "resnet50"])
def test_s3ls_text_has_the_views_of_simclr(network: str, method: str) -> None:
    """Appendix A.2: "the data augmentation setting in SimCLR for all the 3 SSL methods"."""
    (printed,) = load_recipe(f"s3l-{network}-{method}:simclr-views").views
    (released,) = load_recipe(f"s3l-{network}-{method}").views
    assert (printed.scale, printed.jitter.brightness, printed.jitter.hue) == ((0.08, 1.0), 0.8, 0.2)
    assert (released.scale, released.jitter.brightness) == ((0.2, 1.0), 0.4)
