"""A run from general weights: the last stage comes back, normalisation and origin are kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from pipeline.stories import Finetuning, run_finetune, run_recipe
from tiny_run import ENGINE, NETWORK, Listener, request, write_recipe
from torch import Tensor
from typer.testing import CliRunner

from edgessl import checkpoint
from edgessl.backbones import Backbone
from edgessl.backbones.last_stage import last_stage_keys
from edgessl.cli import app
from edgessl.pipeline.general import AsFeatures, open_general
from edgessl.start.origin import sha256_of
from edgessl.start.run_files import read_start

QUICK = ("pretrain.epochs=1", "finetune.epochs=1", "optim.warmup_percent=0",
         "method.freeze_last_layer_epochs=0", "finetune.regrow.optim.lr=1e-12")  # fmt: skip


@pytest.fixture(scope="module")
def images(tiny: Path) -> Path:
    """Images of two classes."""
    return tiny / "images"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of others, whole, with a classifier."""
    path = tmp_path_factory.mktemp("weights") / "general.pth"
    with torch.random.fork_rng():
        torch.manual_seed(5)
        net = timm.create_model(NETWORK.removeprefix("timm:"), num_classes=3)
    torch.save({"state_dict": dict(net.state_dict())}, path)
    return path


@pytest.fixture(scope="module")
def begun(
    tmp_path_factory: pytest.TempPathFactory, images: Path, file: Path
) -> tuple[Path, Listener]:
    """A run that removes the last stage, from the weights; its warm-up hardly moves."""
    place, listener = tmp_path_factory.mktemp("runs"), Listener()
    wanted = request(write_recipe(place), images, place / "run", *QUICK)
    run_recipe(replace(wanted, init=str(file)), listener)
    return place / "run", listener


def network(path: Path) -> dict[str, Tensor]:
    weights = checkpoint.load(path)["weights"]
    return {key.removeprefix("backbone.").removeprefix("net."): value
            for key, value in weights.items()}  # fmt: skip


def last_stage() -> list[str]:
    net = Backbone(NETWORK, image_px=32).net
    return [key for key in last_stage_keys(net) if net.state_dict()[key].ndim == 4]


def test_a_removed_last_stage_grows_back_with_the_weights_of_the_start(
    begun: tuple[Path, Listener], file: Path
) -> None:
    run, listener = begun
    given, warm = torch.load(file)["state_dict"], network(run / "state" / "warmup.pt")
    assert last_stage()
    for key in last_stage():
        torch.testing.assert_close(warm[key], given[key], rtol=0, atol=1e-6)
    told = [line for line in listener.sentences if "grows back with" in line]
    assert "are kept aside: the recipe removes it for pretraining" in told[0]
    assert told[1].startswith("The last stage grows back with the weights that the start had for")
    assert "warmup" in listener.stages


def test_a_later_fine_tuning_has_them_too(
    begun: tuple[Path, Listener], images: Path, file: Path, tmp_path: Path
) -> None:
    start = read_start(begun[0] / "pretrained.pt")
    assert start.last_stage == "remove"
    assert {*last_stage()} <= start.last_stage_weights.keys()
    run_finetune(
        Finetuning(str(begun[0] / "pretrained.pt"), str(images), out=tmp_path / "tuned",
                   baselines=("none",), device="cpu"),
        Listener(),
    )  # fmt: skip
    given, warm = torch.load(file)["state_dict"], network(tmp_path / "tuned/state/warmup.pt")
    for key in last_stage():
        torch.testing.assert_close(warm[key], given[key], rtol=0, atol=1e-6)


def test_origin_and_hash_are_in_checkpoints_and_report(
    begun: tuple[Path, Listener], file: Path
) -> None:
    run, _ = begun
    weights = checkpoint.load(run / "ckpt.pt")["provenance"]["weights"]
    assert weights["sha256"] == sha256_of(file)
    assert json.loads((run / "report.json").read_text())["weights"] == weights
    assert weights["sha256"] in (run / "report.html").read_text(encoding="utf-8")


def test_weights_of_others_are_fine_tuned_with_their_normalisation(
    images: Path, file: Path, tmp_path: Path
) -> None:
    """Those of a checkpoint of edgessl; a file of others does not tell."""
    own = open_general(str(file), AsFeatures(NETWORK, 32)).payload
    own["preprocess"] = {**own["preprocess"], "mean": [0.5] * 3, "std": [0.25] * 3}
    checkpoint.save(tmp_path / "halved.pt", own)
    listener = Listener()
    asked = Finetuning(
        str(tmp_path / "halved.pt"), str(images), recipe=str(write_recipe(tmp_path)),
        out=tmp_path / "tuned", epochs=1, baselines=("none",), device="cpu",
        overrides=("finetune.layer_decay=0.5", "finetune.head_warmup_percent=50"),
    )  # fmt: skip
    run_finetune(asked, listener)
    preprocess = checkpoint.load(tmp_path / "tuned" / "ckpt.pt")["preprocess"]
    assert (preprocess["mean"], preprocess["std"]) == ([0.5] * 3, [0.25] * 3)


def test_the_commands_take_general_weights(file: Path, images: Path, tmp_path: Path) -> None:
    def told(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return " ".join(result.output.split())

    named = (str(file), "--backbone", NETWORK)
    assert "0.0005 G" not in told("profile", *named, "--size", "32")
    scored = told("eval", *named, "--data", str(images), "--protocol", "knn", "--size", "32")
    assert "a file of yours; licence: not known" in scored
    assert "kNN, train to test: " in scored
    out = tmp_path / "features"
    told("export", *named, "--size", "32", "--out", str(out), "--data", str(images))
    assert (out / "model.onnx").is_file()
    assert sha256_of(file) in (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    settings = [word for line in ENGINE for word in ("--set", line)]
    tuned = told(
        "finetune", *named, "--data", str(images), "--size", "32", "--epochs", "1", "--device",
        "cpu", "--baselines", "none", "--out", str(tmp_path / "tuned"), *settings,
    )  # fmt: skip
    assert "fine-tuned" in tuned
    recipe = (tmp_path / "tuned" / "recipe.toml").read_text(encoding="utf-8")
    assert recipe.startswith('name = "mobilenetv2-dino:from-weights"')
