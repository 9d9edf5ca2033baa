"""``edgessl rescale`` writes files of the same kind, which fine-tuning and recipes start from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pipeline.stories import Finetuning, run_finetune, run_recipe
from tiny_run import NETWORK, Listener, request, write_images, write_recipe
from torch import Tensor
from typer.testing import CliRunner, Result

from edgessl import checkpoint
from edgessl.backbones import Backbone, Classifier, deployable_payload
from edgessl.cli import app
from edgessl.errors import UserError
from edgessl.pipeline.pretrain import save_safetensors
from edgessl.start.run_files import read_start

PREPROCESS = {
    "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2], "resize_px": 36, "crop_px": 32,
    "interpolation": "bicubic",
}  # fmt: skip


def _backbone(seed: int) -> Backbone:
    torch.manual_seed(seed)
    return Backbone(NETWORK, "remove", 32)


def _save(path: Path, module: Backbone | Classifier, recipe: str = "r") -> Path:
    classes = ("a", "b") if isinstance(module, Classifier) else ()
    payload = deployable_payload(
        module, classes=classes, preprocess=PREPROCESS, provenance={"recipe": recipe}
    )
    checkpoint.save(path, payload)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``pretrained.pt``, ``ckpt.pt``, ``backbone.safetensors`` and an anchor."""
    root = tmp_path_factory.mktemp("rescale")
    write_images(root / "images")
    write_recipe(root)
    _save(root / "pretrained.pt", _backbone(0), str(root / "tiny.toml"))
    _save(root / "ckpt.pt", Classifier(_backbone(0), 2))
    save_safetensors(root / "backbone.safetensors", _backbone(0))
    anchor = _backbone(1)
    with torch.no_grad():
        for parameter in anchor.parameters():
            parameter.mul_(3.0)
    _save(root / "anchor.pt", anchor)
    return root


def _run(*args: object) -> Result:
    return CliRunner().invoke(app, ["rescale", *map(str, args)])


def _error(*args: object) -> str:
    result = _run(*args)
    assert isinstance(result.exception, UserError), result.output
    return str(result.exception)


def _norms(weights: dict[str, Tensor]) -> dict[str, float]:
    return {key: float(value.double().norm()) for key, value in weights.items()}


@pytest.mark.parametrize("name", ["pretrained.pt", "ckpt.pt", "backbone.safetensors"])
def test_every_kind_of_file_gets_the_anchors_norms_and_stays_of_its_kind(
    place: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / name
    told = _run(place / name, "--anchor", place / "anchor.pt", "--out", out)
    assert told.exit_code == 0, told.output
    before, after = read_start(place / name), read_start(out)
    assert (after.backbone, after.last_stage) == (before.backbone, before.last_stage)
    assert after.weights.keys() == before.weights.keys()
    own, anchor = _norms(after.weights), _norms(read_start(place / "anchor.pt").weights)
    for key, value in before.weights.items():
        if value.is_floating_point() and value.any() and anchor[key]:
            assert own[key] == pytest.approx(anchor[key], rel=1e-5), key
        else:
            assert torch.equal(value, after.weights[key]), key


def test_a_classifier_keeps_its_last_layer_and_all_facts(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "ckpt.pt"
    assert _run(place / "ckpt.pt", "--constant", "0.1", "--out", out).exit_code == 0
    before, after = checkpoint.load(place / "ckpt.pt"), checkpoint.load(out)
    for key in ("fc.weight", "fc.bias"):
        assert torch.equal(before["weights"][key], after["weights"][key])
    assert {key: before[key] for key in ("kind", "head", "classes", "preprocess")} == {
        key: after[key] for key in ("kind", "head", "classes", "preprocess")
    }
    assert after["provenance"] == {
        "recipe": "r", "rescaled": {"anchor": "", "constant": 0.1, "scope": "weights"},
    }  # fmt: skip


def test_a_constant_changes_the_weights_and_the_command_says_how(place: Path) -> None:
    told = _run(place / "pretrained.pt", "--constant", "0.1")
    assert told.exit_code == 0, told.output
    out = place / "pretrained-rescaled.pt"
    before, after = read_start(place / "pretrained.pt").weights, read_start(out).weights
    kernels = [key for key, value in before.items() if value.ndim >= 2]
    for key, value in before.items():
        factor = 0.1 if key in kernels else 1.0
        torch.testing.assert_close(after[key], value * factor if factor < 1 else value)
    total = sum(float(before[key].double().square().sum()) for key in kernels) ** 0.5
    lines = told.output.splitlines()
    assert lines[0] == (
        f"rescaled    {len(kernels)} of {len(before)} tensors of {NETWORK} (weights)"
    )
    assert lines[1] == (
        f"norm        {total:.5g} before, {total / 10:.5g} after, all of them together"
    )
    assert lines[-1] == f"next:       edgessl finetune {out} --data DATA --recipe NAME"


def test_plain_weights_may_be_an_anchor(place: Path, tmp_path: Path) -> None:
    anchor = tmp_path / "timm.pth"
    torch.save({"state_dict": _backbone(1).net.state_dict()}, anchor)
    out = tmp_path / "out.pt"
    assert _run(place / "pretrained.pt", "--anchor", anchor, "--out", out).exit_code == 0
    own, theirs = _norms(read_start(out).weights), _norms(dict(_backbone(1).net.state_dict()))
    assert own["conv_stem.weight"] == pytest.approx(theirs["conv_stem.weight"])


def test_mistakes_are_told_together(place: Path) -> None:
    told = _error(place / "pretrained.pt", "--constant", "-1", "--scope", "weight",
                  "--anchor", place / "anchor.pt")  # fmt: skip
    assert told.splitlines() == [
        "--anchor and --constant: must be one of the two, got both",
        "  --constant: must be a number above 0, got -1; the paper's: 0.1",
        "  --scope: must be weights or floats, got 'weight'; did you mean weights?",
    ]
    assert _error(place / "pretrained.pt") == (
        "--anchor and --constant: must be one of the two, got neither"
    )


def test_what_cannot_be_used_is_refused_by_name(place: Path, tmp_path: Path) -> None:
    source = place / "pretrained.pt"
    torch.manual_seed(0)
    other = _save(tmp_path / "resnet.pt", Backbone("resnet18", "keep", 32))
    assert f"must hold the tensors of {NETWORK}, but only 5 of " in _error(
        source, "--anchor", other
    )
    assert "--anchor nowhere.pt: must be a file, found none" in _error(
        source, "--anchor", "nowhere.pt"
    )
    assert "must end in '.pt' like pretrained.pt" in _error(
        source, "--constant", "0.1", "--out", tmp_path / "a.safetensors"
    )
    assert "must be another file than" in _error(source, "--constant", "0.1", "--out", source)
    assert "must be in a folder that is there" in _error(
        source, "--constant", "0.1", "--out", tmp_path / "no" / "a.pt"
    )
    spoilt = _backbone(0)
    with torch.no_grad():
        next(spoilt.parameters()).fill_(float("nan"))
    assert "must hold finite weights, got others in conv_stem.weight" in _error(
        _save(tmp_path / "spoilt.pt", spoilt), "--constant", "0.1"
    )
    own = _backbone(0).net.state_dict()
    wide = {key: torch.ones(*value.shape, 2) for key, value in own.items()}
    torch.save(wide, tmp_path / "wide.pth")
    assert f"must have tensors of the shapes of {NETWORK}, but " in _error(
        source, "--anchor", tmp_path / "wide.pth"
    )


def test_fine_tuning_and_a_recipe_start_from_it(
    place: Path, tmp_path: Path
) -> None:
    out = tmp_path / "start.pt"
    assert _run(place / "pretrained.pt", "--constant", "0.5", "--out", out).exit_code == 0
    short = ("finetune.epochs=1", "engine.precision=fp32", "engine.memory_format=contiguous")
    report = run_finetune(
        Finetuning(
            start=str(out), data=str(place / "images"), recipe=str(place / "tiny.toml"),
            out=tmp_path / "tuned", device="cpu", baselines=("none",), overrides=short,
        ),
        Listener(),
    )  # fmt: skip
    assert report["scores"]["finetune_top1"]["n"] > 0
    listener = Listener()
    wanted = request(place / "tiny.toml", place / "images", tmp_path / "run", *short)
    run_recipe(replace(wanted, init=str(out), epochs=1), listener)
    assert any(line.startswith(f"Starting from {out}: ") for line in listener.sentences)
