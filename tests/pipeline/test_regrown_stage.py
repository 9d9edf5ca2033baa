"""A last stage that was removed or dropped grows back before fine-tuning, as S3L does it or better.

What S3L's code does: arXiv:2103.13559 and its repository; ours keeps what its warm-up has learnt.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from pipeline.stories import Finetuning, run_finetune, run_recipe
from tiny_run import NETWORK, Listener, request, write_recipe
from torch import nn

from edgessl import checkpoint
from edgessl.backbones import Backbone, Classifier
from edgessl.backbones.last_stage import last_stage_keys
from edgessl.errors import UserError
from edgessl.pipeline.finetune.regrow import last_stage_alone
from edgessl.recipe import load_recipe
from edgessl.train.place.context import Context

STILL = "finetune.regrow.optim.lr=1e-12"  # a warm-up that hardly moves
AS_S3L = ("finetune.regrow.keep_classifier=false", "finetune.regrow.freeze_batchnorm=false")
QUICK = ("pretrain.epochs=1", "finetune.epochs=1", "optim.warmup_percent=0")


@pytest.fixture(scope="module")
def images(tiny: Path) -> Path:
    """Images of two classes."""
    return tiny / "images"


@pytest.fixture(scope="module")
def dropped(tmp_path_factory: pytest.TempPathFactory, images: Path) -> Path:
    """A run that drops the last stage after pretraining; its warm-up hardly moves."""
    place = tmp_path_factory.mktemp("runs")
    wanted = request(
        write_recipe(place), images, place / "run", *QUICK, STILL, "backbone.last_stage=drop",
        "method.freeze_last_layer_epochs=0",
    )  # fmt: skip
    run_recipe(wanted, Listener())
    return place / "run"


def finetuning(run: Path, images: Path, out: Path, *overrides: str) -> Finetuning:
    return Finetuning(
        str(run / "pretrained.pt"), str(images), out=out, baselines=("none",), device="cpu",
        overrides=overrides,
    )


def weights(path: Path) -> dict[str, torch.Tensor]:
    found = dict(checkpoint.load(path)["weights"])
    return {key.removeprefix("backbone."): value for key, value in found.items()}


def off() -> frozenset[str]:
    """Keys of the network's last stage."""
    backbone = Backbone(NETWORK, image_px=32)
    return frozenset(f"net.{key}" for key in last_stage_keys(backbone.net))


def test_drop_pretrains_the_whole_network_and_starts_its_last_stage_anew(dropped: Path) -> None:
    before, warm = weights(dropped / "pretrained.pt"), weights(dropped / "state" / "warmup.pt")
    last = [key for key in off() if before[key].ndim == 4]
    assert len(last) == 6  # convolutions
    for key in last:
        together = torch.stack([before[key].flatten(), warm[key].flatten()])
        assert torch.corrcoef(together)[0, 1].abs() < 0.5, key
    for key in before.keys() - off():
        assert torch.equal(before[key], warm[key]), key


def test_finetune_drops_what_the_recipe_dropped(
    dropped: Path, images: Path, tmp_path: Path
) -> None:
    screen = Listener()
    run_finetune(finetuning(dropped, images, tmp_path / "again"), screen)
    assert "its last stage dropped." in screen.sentences[0]
    one, other = weights(dropped / "ckpt.pt"), weights(tmp_path / "again" / "ckpt.pt")
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_of_a_classifier_nothing_is_dropped(dropped: Path, images: Path, tmp_path: Path) -> None:
    screen = Listener()
    wanted = finetuning(dropped, images, tmp_path / "tuned")
    run_finetune(replace(wanted, start=str(dropped / "ckpt.pt")), screen)
    assert "dropped" not in screen.sentences[0]
    assert "warmup" not in screen.stages


def test_the_warm_up_trains_the_last_stage_and_keeps_the_rest_with_its_statistics(
    dropped: Path, images: Path, tmp_path: Path
) -> None:
    report = run_finetune(
        finetuning(dropped, images, tmp_path / "ours", "finetune.regrow.optim.lr=1.0"), Listener()
    )
    assert list(report["throughput"]["seconds"])[:2] == ["warmup", "finetune"]
    before = weights(dropped / "pretrained.pt")
    still = weights(dropped / "state" / "warmup.pt")
    warm = weights(tmp_path / "ours" / "state" / "warmup.pt")
    assert [key for key in before.keys() - off() if not torch.equal(before[key], warm[key])] == []
    trained = [key for key in off() if "num_batches" not in key and "running" not in key]
    assert [key for key in trained if torch.equal(still[key], warm[key])] == []
    assert not torch.equal(still["fc.weight"], warm["fc.weight"])


def test_as_in_s3ls_code_statistics_move_and_the_classifier_starts_anew(
    dropped: Path, images: Path, tmp_path: Path
) -> None:
    first_fc = weights(dropped / "state" / "warmup.pt")["fc.weight"]
    run_finetune(
        finetuning(dropped, images, tmp_path / "s3l", *AS_S3L, "finetune.regrow.optim.lr=1.0"),
        Listener(),
    )
    before, warm = weights(dropped / "pretrained.pt"), weights(tmp_path / "s3l/state/warmup.pt")
    changed = {key for key in before.keys() - off() if not torch.equal(before[key], warm[key])}
    statistics = {key for key in before.keys() - off() if "running" in key or "num_b" in key}
    assert changed == statistics
    torch.testing.assert_close(warm["fc.weight"], first_fc, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("whole", "warmup"), [(True, False), (False, True), (True, True)])
def test_statistics_that_one_of_the_tables_keeps_stay_in_the_warm_up(
    tmp_path: Path, whole: bool, warmup: bool
) -> None:
    """What moved there could not be kept afterwards."""
    recipe = load_recipe(str(write_recipe(tmp_path)), overrides=[
        f"finetune.freeze_batchnorm={str(whole).lower()}",
        f"finetune.regrow.freeze_batchnorm={str(warmup).lower()}",
    ])  # fmt: skip
    assert recipe.finetune.regrow is not None
    classifier = Classifier(Backbone(NETWORK, image_px=32), 2)
    context = cast(Context, SimpleNamespace(recipe=recipe, dataset=SimpleNamespace(tags=())))
    _, method = last_stage_alone(context, classifier, recipe.finetune.regrow)
    method.train()
    assert not cast(nn.Module, classifier.backbone.net.bn1).training


def test_a_network_without_such_a_stage_is_refused_when_the_recipe_is_read(
    tmp_path: Path, images: Path
) -> None:
    wanted = request(
        write_recipe(tmp_path), images, tmp_path / "run", "backbone.name=vit-ti16",
        "backbone.last_stage=drop",
    )  # fmt: skip
    with pytest.raises(UserError, match="backbone: last_stage must be 'keep' for vit-ti16"):
        run_recipe(wanted, Listener())
