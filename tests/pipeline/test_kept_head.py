"""Fine-tuning may keep the hidden layers of the head that a backbone was pretrained with.

As SSLight's semi-supervised protocol does (Tan, Saleh & Martinez, ICLR 2023, and its code).
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pipeline.stories import Finetuning, run_finetune, run_recipe
from tiny_run import Listener, request, write_recipe

from edgessl import checkpoint
from edgessl.backbones import Backbone, Classifier, deployable_from
from edgessl.backbones.readout import build_hidden
from edgessl.errors import UserError
from edgessl.methods.build import build_method
from edgessl.pipeline.export import export
from edgessl.recipe import load_recipe

SEMI = (
    "backbone.name=timm:test_resnet", "backbone.last_stage=keep", "pretrain.epochs=1",
    "finetune.epochs=1", "finetune.head_layers=2", "finetune.optim.lr=1e-12",
    "finetune.optim.weight_decay=0",
)  # fmt: skip


@pytest.fixture(scope="module")
def images(tiny: Path) -> Path:
    return tiny / "images"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, images: Path) -> Path:
    """A run whose fine-tuning keeps both hidden layers of DINO's head, and hardly moves them."""
    place = tmp_path_factory.mktemp("runs")
    run_recipe(request(write_recipe(place), images, place / "run", *SEMI), Listener())
    return place / "run"


@pytest.fixture
def wanted(tmp_path: Path, run: Path, images: Path) -> Finetuning:
    return Finetuning(
        str(run / "pretrained.pt"), str(images), out=tmp_path / "tuned", baselines=("none",),
        device="cpu",
    )


def _tensors(path: Path, prefix: str) -> dict[str, torch.Tensor]:
    payload = checkpoint.load(path)
    values: dict[str, Any] = payload.get("weights") or payload["module"]
    return {k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)}


def test_the_layers_go_from_the_method_to_the_classifier_with_their_bn(run: Path) -> None:
    kept = checkpoint.load(run / "pretrained.pt")["pretraining_head"]
    assert kept["layers"] == {
        "widths": [32, 32], "batch_norm": True, "bias": True, "activation": "gelu",
    }  # fmt: skip
    head = _tensors(run / "state" / "pretrain-end.pt", "head.mlp.")
    assert set(head) - set(kept["weights"]) == {"6.weight", "6.bias"}  # the bottleneck
    assert all(torch.equal(head[key], value) for key, value in kept["weights"].items())
    tuned = _tensors(run / "ckpt.pt", "hidden.")
    assert tuned.keys() == kept["weights"].keys()
    for key in ("0.weight", "1.weight", "3.weight", "4.bias"):
        torch.testing.assert_close(tuned[key], kept["weights"][key], rtol=0, atol=1e-6)
    assert not torch.equal(tuned["1.running_mean"], kept["weights"]["1.running_mean"])


def test_finetune_repeats_it_from_the_runs_file(run: Path, wanted: Finetuning) -> None:
    run_finetune(wanted, Listener())
    assert wanted.out is not None
    one, other = _tensors(run / "ckpt.pt", ""), _tensors(wanted.out / "ckpt.pt", "")
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_file_without_the_head_is_refused(run: Path, wanted: Finetuning) -> None:
    for name in ("ckpt.pt", "backbone.safetensors"):
        with pytest.raises(UserError, match=r"found none; pass the pretrained\.pt of a run"):
            run_finetune(replace(wanted, start=str(run / name)), Listener())


def test_another_head_than_the_recipes_is_refused(wanted: Finetuning) -> None:
    with pytest.raises(UserError, match=r"\(48, 48 with BN, GELU\), found 32, 32 with BN, GELU"):
        run_finetune(replace(wanted, overrides=("method.hidden_dim=48",)), Listener())


def test_an_exported_file_has_the_layers(run: Path, tmp_path: Path) -> None:
    files = export(run / "ckpt.pt", formats=("onnx",), opset=17, out=tmp_path).files
    for file in files:
        assert file.passed, file.gates
    classifier = deployable_from(checkpoint.load(run / "ckpt.pt"), "ckpt.pt").module
    assert isinstance(classifier, Classifier)
    assert (len(classifier.hidden), classifier.fc.in_features) == (6, 32)


@pytest.mark.parametrize(
    "name",
    ["sslight-resnet18-dino", "small-resnet18-moco", "cole-resnet34-simclr", "s3l-resnet18-byol",
     "sslight-mobilenetv2-swav"],
)  # fmt: skip
def test_every_methods_layers_can_be_rebuilt_and_loaded(name: str) -> None:
    recipe = load_recipe(name)
    with torch.device("meta"):
        backbone = Backbone(recipe.backbone.name, "keep", 64)
        part = build_method(backbone, recipe.method).hidden_part()
        table = recipe.method.hidden_layers(backbone.feature_dim)
        own = build_hidden(backbone.feature_dim, table)
    assert table.widths
    assert {k: v.shape for k, v in own.state_dict().items()} == {
        k: v.shape for k, v in part.state_dict().items()
    }
    assert [type(module) for module in own] == [type(module) for module in part]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("finetune.head_layers=3", "head_layers must be at most 2, which the head of dino has"),
        ("finetune.trains=classifier", "finetune.trains must be 'network' with finetune.head_lay"),
        ("finetune.reads=normalised_features", "finetune.reads must be 'features' with"),
        ("backbone.last_stage=remove", "backbone.last_stage must be 'keep' with finetune.head_la"),
    ],
)
def test_what_does_not_go_with_it_is_refused_when_the_recipe_is_read(
    tmp_path: Path, override: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        load_recipe(str(write_recipe(tmp_path)), overrides=(*SEMI, override))


def test_a_run_of_before_a_key_was_there_is_still_the_same_run(
    run: Path, images: Path, tmp_path: Path
) -> None:
    document = json.loads((run / "run.json").read_text())
    del document["identity"]["recipe"]["finetune"]["freeze_batchnorm"]
    (run / "run.json").write_text(json.dumps(document))
    screen = Listener()
    run_recipe(request(write_recipe(tmp_path), images, run, *SEMI), screen)
    assert f"{run}: this run is done; --fresh starts it over." in screen.sentences
