"""The papers' recipes have the papers' numbers: sizes of heads, rates, temperatures, views.

Parameters of heads and rates are golden values: counted and computed from the papers' released
codes.
"""

from __future__ import annotations

from functools import cache
from math import prod

import pytest
import torch
from torch import nn

from edgessl.backbones import Backbone
from edgessl.heads.dino import DinoHead
from edgessl.methods.build import PretrainingMethod, build_method
from edgessl.methods.byol import Byol
from edgessl.methods.dino import Dino
from edgessl.methods.moco import Moco
from edgessl.methods.simclr import SimClr
from edgessl.methods.swav import Swav
from edgessl.optim import learning_rate
from edgessl.recipe import Recipe, load_recipe
from edgessl.recipe.method_tables.byol import ByolTable
from edgessl.recipe.method_tables.dino import DinoTable
from edgessl.recipe.method_tables.moco import MocoTable
from edgessl.recipe.method_tables.simclr import SimClrTable
from edgessl.recipe.method_tables.swav import SwavTable
from edgessl.recipe.optim_tables import AirlLars, Lars, Sgd, SimClrLars
from edgessl.recipe.stages import pretrain_stages
from edgessl.schedules import Clock
from edgessl.train import steps_per_epoch

IMAGENET, CUB200 = 1_281_167, 5_994


@cache
def recipe_of(name: str) -> Recipe:
    return load_recipe(name)


def _built(name: str) -> PretrainingMethod:
    recipe = recipe_of(name)
    table = recipe.backbone
    with torch.device("meta"):
        backbone = Backbone(table.name, table.pretrained_last_stage, recipe.image.crop_px)
        return build_method(backbone, recipe.method)


def _count(*modules: nn.Module) -> int:
    shapes = [parameter.shape for module in modules for parameter in module.parameters()]
    return sum(prod(shape) for shape in shapes)


def _head_parameters(name: str) -> int:
    """Count what is trained beside the backbone; of DINO's last layer its directions only."""
    method = _built(name)
    match method:
        case Dino():
            assert isinstance(method.head, DinoHead)
            return _count(method.head) - method.head.gain.numel()
        case Moco() | Swav():
            return _count(method.head)
        case SimClr():
            return _count(method.projector)
        case Byol():
            return _count(method.projector, method.predictor)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sslight-mobilenetv2-moco", 2_885_760),
        ("sslight-mobilenetv2-swav", 5_779_584),
        ("sslight-mobilenetv2-dino", 8_401_152),
        ("sslight-resnet18-dino", 6_828_288),
        ("sslight-resnet34-dino", 6_828_288),
        ("sslight-resnet50-dino", 9_974_016),
        ("sslight-vit-ti16-dino", 21_893_376),
        ("sslight-vit-ti32-dino", 21_893_376),
        ("sslight-vit-s16-dino", 22_286_592),
        ("small-mobilenetv3l-moco", 1_803_648),
        ("small-resnet18-moco", 328_320),
        ("small-mobilenetv3l-moco:improved", 3_607_168),
        ("small-efficientnet-b0-moco:improved", 3_607_168),
        ("small-mobilenetv3s-moco:improved", 2_361_472),
        ("small-resnet18-moco:improved", 656_512),
        ("small-deit-ti-moco:improved", 123_392),
        ("s3l-resnet18-moco:remove-conv5", 98_688),
        ("s3l-resnet50-moco:remove-conv5", 1_180_800),
        ("s3l-resnet50-byol", 8_925_312 + 1_060_992),
        ("airl-resnet50-mocov2", 4_458_624),
        ("airl-resnet50-mocov2plus", 9_449_728 + 2_109_696),
        ("airl-resnet50-smocov2plus", 11_558_912),
        ("airl-resnet50-byol", 9_449_728 + 2_109_696),
    ],
)
def test_heads_have_the_papers_parameters(name: str, expected: int) -> None:
    assert _head_parameters(name) == expected


def test_sslights_prototypes_of_swav() -> None:
    method = _built("sslight-mobilenetv2-swav")
    assert isinstance(method, Swav)
    assert method.prototypes.numel() == 384_000


@pytest.mark.parametrize(
    ("name", "teacher", "expected"),
    [
        ("airl-resnet50-mocov2plus", 9_449_728, 11_559_424),
        ("airl-resnet50-smocov2plus", 11_558_912, 11_558_912),
    ],
)
def test_only_airls_symmetric_teacher_predicts(name: str, teacher: int, expected: int) -> None:
    method = _built(name)
    assert isinstance(method, Moco)
    assert (_count(method.teacher_head), _count(method.head)) == (teacher, expected)


def _rate(name: str, epoch: int, images: int) -> float:
    recipe = recipe_of(name)
    (stage,) = pretrain_stages(recipe)
    per_epoch = steps_per_epoch(images, stage.batch_size)
    return learning_rate(
        stage.optim, Clock(epoch * per_epoch, per_epoch, stage.epochs), stage.batch_size
    )


@pytest.mark.parametrize(
    ("name", "images", "rates"),
    [
        ("sslight-mobilenetv2-dino", IMAGENET, {1: 0.19202, 10: 1.92, 50: 1.71808, 199: 0.00493}),
        ("sslight-mobilenetv2-moco", IMAGENET, {1: 0.19202, 10: 1.92, 50: 1.71808, 199: 0.00493}),
        ("sslight-mobilenetv2-swav", IMAGENET, {0: 0.075, 10: 1.2, 100: 0.65175, 199: 0.00488}),
        ("sslight-vit-ti16-dino", IMAGENET, {1: 0.0002, 10: 0.002, 100: 0.0010872}),
        ("sslight-resnet50-dino", IMAGENET, {10: 1.2}),  # batch 640
        ("sslight-vit-s16-dino", IMAGENET, {10: 0.00125}),
        ("small-mobilenetv3l-moco", IMAGENET, {10: 0.059631, 50: 0.051213, 100: 0.03}),
        ("small-deit-ti-moco:improved", IMAGENET, {0: 0.06, 400: 0.03}),
        ("s3l-resnet18-simclr", CUB200, {0: 0.01, 1: 0.059, 10: 0.5, 100: 0.484158, 799: 2e-6}),
        ("s3l-resnet18-byol", CUB200, {0: 0.01, 5: 0.255, 11: 0.499998, 400: 0.254971}),
        ("s3l-resnet50-simclr", CUB200, {0: 0.125, 400: 0.0625}),
        ("s3l-resnet50-byol:batch-512-56", CUB200, {0: 0.01, 5: 0.255, 200: 0.43197}),
        ("s3l-resnet18-moco", CUB200, {0: 0.03, 400: 0.015}),
        ("airl-resnet50-mocov2", IMAGENET, {0: 1e-6, 1: 0.003001, 20: 0.029795, 150: 0.004841}),
        ("airl-resnet50-mocov2plus", IMAGENET, {5: 0.015, 50: 0.026837, 199: 2e-6}),
        ("airl-resnet50-byol", IMAGENET, {10: 0.03, 100: 0.016239}),
        ("airl-resnet50-mocov2:v1", IMAGENET, {0: 0.03, 119: 0.03, 120: 0.003, 160: 0.0003}),
        ("airl-resnet50-byol:lars-100", IMAGENET, {10: 0.45 * 16}),
        ("cole-resnet50-simclr", 1_000_000, {0: 0.0, 5: 0.6, 10: 1.2, 505: 0.6}),
        ("cole-resnet50-simclr:small-set", 50_000, {10: 0.4}),
        ("cole-resnet50-simclr:sqrt-lr", 1_000_000, {0: 0.0, 5: 2.4, 10: 4.8, 505: 2.4}),
        ("cole-resnet50-simclr:small-set-sqrt-lr", 50_000, {10: 1.6}),
        ("cole-resnet50-byol", 1_000_000, {10: 3.2}),
    ],
)
def test_rates_at_the_start_of_epochs(name: str, images: int, rates: dict[int, float]) -> None:
    found = {epoch: _rate(name, epoch, images) for epoch in rates}
    assert found == pytest.approx(rates, rel=1e-4, abs=1e-5 if max(rates.values()) > 1 else 6e-7)


def test_sslights_linear_probe_changes_its_rate_once_an_epoch() -> None:
    finetune = recipe_of("sslight-mobilenetv2-dino").finetune
    rates = [
        learning_rate(finetune.optim, Clock(313 * epoch + 7, 313, 100), finetune.batch_size)
        for epoch in (0, 9, 24, 49, 74, 99)
    ]
    expected = [0.8, 0.784117, 0.691588, 0.412565, 0.126182, 0.000198]
    assert rates == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("variant", "steps", "epochs"), [("semi-1", 13, 60), ("semi-10", 126, 30)])
def test_sslights_semi_supervised_protocol(variant: str, steps: int, epochs: int) -> None:
    for name in ("mobilenetv2", "resnet18", "resnet34"):
        finetune = recipe_of(f"sslight-{name}-dino:{variant}").finetune
        optim = finetune.optim
        assert (finetune.trains, finetune.head_layers, finetune.epochs) == ("network", 2, epochs)
        assert not finetune.classifier_std
        assert isinstance(optim, Sgd)
        assert (optim.nesterov, optim.momentum, optim.weight_decay) == (True, 0.9, (0.0, 0.0))
        clocks = [Clock(steps * epoch + 7, steps, epochs) for epoch in (0, epochs // 2)]
        rates = [learning_rate(optim, clock, finetune.batch_size) for clock in clocks]
        assert rates == pytest.approx([0.12, 0.06], rel=1e-4)  # once an epoch
        assert finetune.view.scale == (0.08, 1.0)


def test_sslights_linear_probe_reads_four_blocks_of_a_transformer() -> None:
    finetune = recipe_of("sslight-vit-s16-dino").finetune
    assert finetune.reads == "last_4_blocks"
    assert finetune.optim.peak_lr(finetune.batch_size) == pytest.approx(0.04)
    assert recipe_of("sslight-resnet18-dino").finetune.reads == "features"


@pytest.mark.parametrize(("variant", "lr"), [("transfer-cifar", 1.5), ("transfer-caltech101", 2.0)])
def test_ssl_smalls_transfer(variant: str, lr: float) -> None:
    finetune = recipe_of(f"small-efficientnet-b0-moco:{variant}").finetune
    rates = [
        learning_rate(finetune.optim, Clock(195 * epoch, 195, 60), finetune.batch_size)
        for epoch in (0, 39, 40, 59)
    ]
    assert rates == pytest.approx([lr, lr, lr / 10, lr / 10])
    assert (finetune.trains, finetune.reads) == ("classifier", "normalised_features")
    assert finetune.view.scale == (0.6, 1.0)


def test_sslights_views_and_weights_of_pairs() -> None:
    for name in ("mobilenetv2-dino", "mobilenetv2-swav", "mobilenetv2-moco", "resnet18-dino"):
        ours, baseline = recipe_of(f"sslight-{name}"), recipe_of(f"sslight-{name}:baseline")
        assert _views(ours) == [(2, 224, (0.3, 1.0)), (6, 128, (0.05, 0.3))]
        assert _views(baseline) == [(2, 224, (0.14, 1.0)), (6, 96, (0.05, 0.14))]
        assert ours.method.alpha == 0.4
        assert baseline.method.alpha == pytest.approx(1 / 7, abs=1e-6)
    ours, baseline = recipe_of("sslight-vit-s16-dino"), recipe_of("sslight-vit-s16-dino:baseline")
    assert _views(ours) == [(2, 224, (0.3, 1.0)), (10, 128, (0.05, 0.3))]
    assert _views(baseline) == [(2, 224, (0.25, 1.0)), (10, 96, (0.05, 0.25))]
    assert baseline.method.alpha == pytest.approx(1 / 11, abs=1e-6)


def _views(recipe: Recipe) -> list[tuple[int, int, tuple[float, float] | None]]:
    return [(group.count, group.size_px, group.scale) for group in recipe.views]


def test_sslights_dino_differs_between_cnns_and_transformers() -> None:
    cnn, vit = recipe_of("sslight-resnet34-dino"), recipe_of("sslight-vit-ti32-dino")
    for recipe, prototypes, warmup_epochs in ((cnn, 4096, 50), (vit, 65536, 30)):
        table = recipe.method
        assert isinstance(table, DinoTable)
        assert (table.prototypes, table.teacher_temp_warmup_epochs) == (prototypes, warmup_epochs)
        assert (table.head_batch_norm, table.train_gain) == (recipe is cnn, recipe is vit)
    assert isinstance(cnn.optim, Lars)
    assert cnn.optim.weight_decay == (1e-6, 1e-6)
    assert vit.optim.weight_decay == (0.04, 0.4)
    assert (cnn.backbone.drop_path, vit.backbone.drop_path) == (0.0, 0.1)


def test_sslights_queue_of_swav() -> None:
    table = recipe_of("sslight-mobilenetv2-swav").method
    assert isinstance(table, SwavTable)
    assert (table.queue, table.queue_start_epochs, table.prototypes) == (3840, 15, 3000)


@pytest.mark.parametrize(
    ("variant", "temperature", "queue", "batch_size", "epochs"),
    [
        ("", 0.2, 65536, 1024, 200),
        (":improved", 0.1, 65536, 512, 800),
        (":temperature-0.05", 0.05, 65536, 1024, 200),
        (":queue-1024", 0.05, 1024, 1024, 200),
        (":improved-200", 0.1, 65536, 512, 200),
    ],
)
def test_ssl_smalls_rows(
    variant: str, temperature: float, queue: int, batch_size: int, epochs: int
) -> None:
    recipe = recipe_of(f"small-mobilenetv3l-moco{variant}")
    table, pretrain = recipe.method, recipe.pretrain
    assert isinstance(table, MocoTable)
    found = (table.temperature, table.queue, pretrain.batch_size, pretrain.epochs)
    assert found == (temperature, queue, batch_size, epochs)
    assert pretrain.batchnorm_groups == 8


def test_ssl_smalls_stronger_colours() -> None:
    (views,) = recipe_of("small-resnet18-moco:improved").views
    assert views.jitter.strengths == (0.8, 0.8, 0.8, 0.4)
    assert (views.jitter.p, views.gray_p, views.blur_p) == (0.8, 0.5, (0.5, 0.5))


def test_s3ls_stages_start_fresh_at_the_full_rate() -> None:
    stages = pretrain_stages(recipe_of("s3l-resnet18-moco:56-112-224"))
    assert [(stage.views[0].size_px, stage.epochs) for stage in stages] == [
        (56, 800), (112, 200), (224, 100),
    ]  # fmt: skip
    for stage in stages:
        rates = [learning_rate(stage.optim, Clock(46 * e, 46, stage.epochs), stage.batch_size)
                 for e in (0, stage.epochs // 2)]  # fmt: skip
        assert rates == pytest.approx([0.03, 0.015])


def test_s3ls_losses() -> None:
    moco, simclr, byol = (
        recipe_of(f"s3l-resnet18-{method}").method for method in ("moco", "simclr", "byol")
    )
    assert isinstance(moco, MocoTable)
    assert (moco.temperature, moco.queue, moco.teacher_momentum) == (0.2, 4096, (0.999, 0.999))
    assert isinstance(simclr, SimClrTable)
    assert (simclr.temperature, simclr.form, simclr.negative_groups) == (0.1, "supcon", 2)
    assert isinstance(byol, ByolTable)
    assert byol.teacher_momentum == (0.99, 0.99)


def test_s3ls_fine_tuning() -> None:
    recipe = recipe_of("s3l-resnet18-simclr:final")
    finetune, regrow = recipe.finetune, recipe.finetune.regrow
    assert recipe.backbone.last_stage == "remove"
    assert recipe.views[0].size_px == 56
    assert (finetune.epochs, finetune.batch_size, finetune.mixup_alpha) == (480, 64, 1.0)
    assert (finetune.optim.lr, finetune.optim.weight_decay) == (0.1, (5e-4, 5e-4))
    assert regrow is not None
    rates = {learning_rate(regrow.optim, Clock(step, 93, 10), 64) for step in (0, 500, 929)}
    assert rates == {0.1}
    assert (regrow.keep_classifier, regrow.freeze_batchnorm) == (False, False)
    kept = recipe_of("s3l-resnet18-simclr:final-kept").finetune.regrow
    assert kept is not None
    assert (kept.keep_classifier, kept.freeze_batchnorm) == (True, True)
    assert (kept.optim, kept.epochs, kept.classifier_std) == (regrow.optim, 10, 0.01)
    large = recipe_of("s3l-resnet18-simclr:final-448")
    assert (large.image.crop_px, large.finetune.view.size_px) == (448, 448)


@pytest.mark.parametrize(
    ("variant", "lr", "trains", "still"),
    [
        ("transfer", 0.01, "network", False),
        ("transfer-frozen-batchnorm", 0.01, "network", True),
        ("transfer-linear", 10.0, "classifier", False),
        ("transfer-cifar", 0.01, "network", True),
        ("transfer-linear-cifar", 10.0, "classifier", False),
    ],
)
def test_s3ls_transfer(variant: str, lr: float, trains: str, still: bool) -> None:
    finetune = recipe_of(f"s3l-resnet50-moco:{variant}").finetune
    assert (finetune.epochs, finetune.batch_size, finetune.mixup_alpha) == (120, 64, 0.0)
    assert (finetune.trains, finetune.freeze_batchnorm) == (trains, still)
    assert finetune.optim.weight_decay == (5e-4, 5e-4)
    clocks = [Clock(50 * epoch, 50, 120) for epoch in (0, 39, 40, 79, 80, 119)]
    rates = [learning_rate(finetune.optim, clock, 64) / lr for clock in clocks]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_airls_methods() -> None:
    v2, plus, byol = (
        recipe_of(f"airl-resnet50-{name}") for name in ("mocov2", "mocov2plus", "byol")
    )
    assert isinstance(v2.method, MocoTable)
    assert (v2.method.shuffle, v2.pretrain.batchnorm_groups) == (True, 8)
    assert isinstance(plus.method, MocoTable)
    assert (plus.method.keys, plus.method.shuffle) == ("both", False)
    assert not plus.method.views_together
    assert plus.method.teacher_momentum == byol.method.teacher_momentum == (0.99, 1.0)  # type: ignore[union-attr]
    assert plus.pretrain.batchnorm_groups == byol.pretrain.batchnorm_groups == 1
    assert byol.views[0].blur_p == (1.0, 0.1)
    assert byol.views[0].solarize_p == (0.0, 0.2)
    lars = recipe_of("airl-resnet50-byol:lars")
    assert isinstance(lars.optim, AirlLars)
    assert lars.optim.weight_decay == (1e-6, 1e-6)
    linear = lars.finetune.optim
    assert isinstance(linear, Sgd)
    assert linear.nesterov
    assert linear.peak_lr(lars.finetune.batch_size) == 0.2


def test_coles_pixels_and_rules() -> None:
    recipe = recipe_of("cole-resnet50-simclr")
    assert recipe.image.mean == (0.0, 0.0, 0.0)
    assert recipe.image.std == (1.0, 1.0, 1.0)
    assert not recipe.views[0].blur_p
    assert isinstance(recipe.optim, SimClrLars)
    linear, whole = recipe.finetune, recipe_of("cole-resnet50-simclr:finetune").finetune
    assert linear.optim.peak_lr(linear.batch_size) == pytest.approx(0.4)
    assert whole.optim.peak_lr(whole.batch_size) == pytest.approx(0.1)
    assert isinstance(whole.optim, Sgd)
    assert whole.optim.decay_classifier_only


@pytest.mark.parametrize("name", ["resnet34-simclr", "resnet50-simclr", "resnet101-simclr",
                                  "resnet50-moco", "resnet50-byol"])  # fmt: skip
def test_coles_training_from_scratch(name: str) -> None:
    finetune = recipe_of(f"cole-{name}:from-scratch").finetune
    assert (finetune.epochs, finetune.batch_size, finetune.trains) == (90, 512, "network")
    rates = [learning_rate(finetune.optim, Clock(epoch, 1, 90), 512) for epoch in (29, 30, 59, 60)]
    assert rates == pytest.approx([0.1, 0.01, 0.01, 0.001])
    assert isinstance(finetune.optim, Sgd)
    assert finetune.optim.weight_decay == (1e-4, 1e-4)
    assert not finetune.optim.decay_classifier_only
    assert finetune.view == recipe_of(f"cole-{name}:finetune").finetune.view


def test_networks_of_ssl_small_that_timm_builds_otherwise() -> None:
    backbone = recipe_of("small-efficientnet-b0-moco:improved").backbone
    assert (backbone.batchnorm_eps, backbone.batchnorm_momentum) == (1e-3, 0.01)
    for name in ("mobilenetv3s", "mobilenetv3l"):
        for variant, std in (("", 0.01), (":improved", 0.0)):  # a wider head has a new last layer
            method = recipe_of(f"small-{name}-moco{variant}").method
            assert isinstance(method, MocoTable)
            assert method.projector.last_init_std == std


@pytest.mark.parametrize("name", ["s3l-resnet50-moco:small-imagenet",
                                  "cole-resnet34-simclr:small-set",
                                  "cole-resnet50-simclr:small-set",
                                  "cole-resnet101-simclr:small-set"])  # fmt: skip
def test_small_sets_are_drawn(name: str) -> None:
    assert recipe_of(name).data.max_images == 50_000


@pytest.mark.parametrize("source", ["sslight-mobilenetv2-dino", "small-resnet18-moco",
                                    "airl-resnet50-byol", "cole-resnet34-simclr"])  # fmt: skip
def test_linear_evaluation_trains_the_classifier_alone(source: str) -> None:
    assert recipe_of(source).finetune.trains == "classifier"
