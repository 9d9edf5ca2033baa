"""With ``trains = "classifier"`` fine-tuning is linear evaluation; a classifier starts as told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pipeline.stories import run_recipe
from tiny_run import Listener, request, write_recipe
from torch import Tensor

from edgessl import checkpoint
from edgessl.backbones import deployable_from
from edgessl.errors import UserError
from edgessl.recipe import load_recipe

KEEP = ("backbone.last_stage=keep", "finetune.regrow.epochs=1", "pretrain.epochs=1")
LINEAR = (*KEEP, "finetune.trains=classifier")


@pytest.fixture(scope="module")
def images(tiny: Path) -> Path:
    return tiny / "images"


def _run(place: Path, images: Path, *overrides: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the pretrained and the fine-tuned weights."""
    run_recipe(request(write_recipe(place), images, place / "run", *overrides), Listener())
    pretrained = checkpoint.load(place / "run" / "pretrained.pt")["weights"]
    return dict(pretrained), dict(checkpoint.load(place / "run" / "ckpt.pt")["weights"])


def test_the_backbone_stays_as_pretrained_and_the_classifier_learns(
    tmp_path: Path, images: Path
) -> None:
    pretrained, tuned = _run(
        tmp_path, images, *LINEAR, "finetune.classifier_std=1e-6", "finetune.epochs=4"
    )
    for key, value in pretrained.items():  # statistics of BN too
        assert torch.equal(tuned[f"backbone.{key}"], value), key
    assert tuned["fc.weight"].abs().max() > 1e-4


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, images: Path
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Weights of a run that trains all layers."""
    return _run(tmp_path_factory.mktemp("whole"), images, *KEEP)


def test_all_layers_are_trained_otherwise(
    whole: tuple[dict[str, Tensor], dict[str, Tensor]]
) -> None:
    pretrained, tuned = whole
    moved = [not torch.equal(tuned[f"backbone.{key}"], value) for key, value in pretrained.items()]
    assert all(moved)


def test_a_classifier_starts_with_the_deviation_that_is_asked_for(
    tmp_path: Path, images: Path
) -> None:
    """At a learning rate of almost nothing it is as it started."""
    still = ("finetune.epochs=1", "finetune.optim={name='sgd', lr=1e-12}")
    _, tuned = _run(tmp_path, images, *LINEAR, *still, "finetune.classifier_std=0.01")
    assert tuned["fc.weight"].std().item() == pytest.approx(0.01, rel=0.1)
    assert tuned["fc.bias"].abs().max() < 1e-9


def test_statistics_of_bn_stay_where_that_is_asked_for_but_not_those_of_a_random_start(
    tmp_path: Path, images: Path
) -> None:
    wanted = request(
        write_recipe(tmp_path), images, tmp_path / "run", *KEEP, "finetune.freeze_batchnorm=true"
    )
    run_recipe(replace(wanted, baselines=("random",)), Listener())
    pretrained, tuned, random = (
        checkpoint.load(tmp_path / "run" / name)["weights"]
        for name in ("pretrained.pt", "ckpt.pt", "state/random.pt")
    )
    buffers = [key for key in pretrained if "running" in key or "num_batches" in key]
    assert len(buffers) == 3 * 13  # of 13 layers
    for key, value in pretrained.items():  # scales and shifts of BN too
        assert torch.equal(tuned[f"backbone.{key}"], value) == (key in buffers), key
    assert all(random[f"backbone.{key}"].any() for key in buffers)


def test_a_frozen_random_start_has_features_that_are_worth_reading(
    tmp_path: Path, images: Path
) -> None:
    """With untouched statistics those of this network are below 1e-6."""
    network = ("backbone.name=mobilenetv3s", "backbone.first_weights=fan_out")
    wanted = request(
        write_recipe(tmp_path), images, tmp_path / "run", *LINEAR, *network, "finetune.epochs=1"
    )
    run_recipe(replace(wanted, baselines=("random",)), Listener())
    random = deployable_from(checkpoint.load(tmp_path / "run" / "state" / "random.pt"), "random")
    with torch.no_grad():
        features = random.backbone.eval()(torch.randn(4, 3, 32, 32, generator=_seeded()))
    assert features.abs().mean() > 1e-3


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_groups_of_bn_change_what_fine_tuning_gives(
    tmp_path: Path, images: Path, whole: tuple[dict[str, Tensor], dict[str, Tensor]]
) -> None:
    _, apart = _run(tmp_path, images, *KEEP, "finetune.batchnorm_groups=2")
    assert not torch.equal(whole[1]["fc.weight"], apart["fc.weight"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("finetune.trains=classifier", r"finetune\.trains must be 'network', because "),
        ("finetune.batchnorm_groups=3", r"finetune\.batchnorm_groups must cut 1 micro"),
        ("finetune.reads=last_4_blocks", r"finetune\.reads must be 'features' or 'normalised_feat"),
        ("optim.decay_classifier_only=true", r"optim\.decay_classifier_only must be false"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_recipe(
            str(write_recipe(tmp_path)), overrides=["backbone.name=mobilenetv2", override]
        )
