"""With ``--init`` a run is compared with those weights, fine-tuned directly."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pipeline.stories import Pretraining, plan_recipe, run_recipe
from safetensors.torch import load_file, save_file
from shared import made_once
from tiny_run import NETWORK, Listener, request

from edgessl import checkpoint
from edgessl.backbones import Backbone, deployable_from
from edgessl.backbones.last_stage import last_stage_keys
from edgessl.errors import Interrupted, UserError
from edgessl.pipeline.finetune import finetuning
from edgessl.pipeline.score import probe
from edgessl.report.scores import score_cards

ARMS = ("init", "init-longer")
FILES = ("ckpt-init.pt", "ckpt-init-longer.pt")
SETTINGS = ("pretrain.epochs=1", "finetune.epochs=2")
WARMED_UP = 3
"""Epochs of fine-tuning with that of the regrown last stage."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of the whole tiny network, as a file that ``--init`` takes."""

    def make(folder: Path) -> None:
        torch.manual_seed(5)
        save_file(dict(Backbone(NETWORK, "keep", 32).net.state_dict()), folder / "net.safetensors")

    return made_once(tmp_path_factory, "weights", make) / "net.safetensors"


def _wanted(tiny: Path, out: Path, weights: Path) -> Pretraining:
    wanted = request(tiny / "tiny.toml", tiny / "images", out, *SETTINGS)
    return replace(wanted, init=str(weights), baselines=None)


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, tiny: Path, weights: Path
) -> tuple[Path, dict[str, Any], list[str]]:
    """A run from weights: its folder, its report, and what it said."""
    listener = Listener()
    out = tmp_path_factory.mktemp("arms") / "whole"
    report = run_recipe(_wanted(tiny, out, weights), listener)
    return out, report, listener.sentences


def _weights(path: Path) -> dict[str, torch.Tensor]:
    return dict(checkpoint.load(path)["weights"])


def _same(one: Path, other: Path) -> bool:
    first, second = _weights(one), _weights(other)
    return first.keys() == second.keys() and all(first[k].equal(second[k]) for k in first)


Whole = tuple[Path, dict[str, Any], list[str]]


def test_both_arms_are_the_default_and_leave_checkpoints_that_can_be_exported(
    whole: Whole,
) -> None:
    out, report, _ = whole
    assert list(report["arms"]) == ["ours", *ARMS]
    for name, file in zip(ARMS, FILES, strict=True):
        assert report["arms"][name]["checkpoint"] == file
        assert deployable_from(checkpoint.load(out / file), file).classes == ("class0", "class1")
    assert report["next"] == f"edgessl export {out / 'ckpt.pt'} --onnx"


def test_every_arm_is_scored_and_paired_with_ours(whole: Whole) -> None:
    _, report, _ = whole
    count = report["data"]["counts"]["test"]
    ours = report["scores"]["finetune_top1"]["value"]
    for name, table in zip(ARMS, ("scores_init", "scores_init_longer"), strict=True):
        score = report[table]["finetune_top1"]
        found = report["arms"][name]["difference"]
        assert score["n"] == found["n"] == count
        assert found["value"] == pytest.approx(ours - score["value"])
        assert found["low"] < found["high"]
    assert "right" not in json.dumps(list(report))
    assert set(report["scores_init"]) == {"knn_top1", "linear_top1", "finetune_top1"}


def test_epochs_count_the_warm_up_and_the_longer_arm_has_all_of_our_time(whole: Whole) -> None:
    out, report, _ = whole
    known = json.loads((out / "run.json").read_text())["longer_epochs"]
    epochs = {name: arm["epochs"] for name, arm in report["arms"].items()}
    assert epochs == {"ours": WARMED_UP, "init": WARMED_UP, "init-longer": known}
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    last = max(line["epoch"] for line in log if line["stage"] == "finetune_init")
    assert last == pytest.approx(WARMED_UP, abs=0.5)


def test_an_arm_starts_from_the_whole_network(
    tiny: Path, tmp_path: Path, weights: Path, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What pretraining leaves out of it is there: seen where nothing is trained."""
    started: list[dict[str, torch.Tensor]] = []
    train_classifier = finetuning.train_classifier

    def watched(context: Any, stage: Any, method: Any, *more: Any) -> Any:
        if stage.what.name == "finetune_init":
            net = method.classifier.backbone.net
            started.append({key: value.clone() for key, value in net.state_dict().items()})
        return train_classifier(context, stage, method, *more)

    monkeypatch.setattr(finetuning, "train_classifier", watched)
    run_recipe(replace(_wanted(tiny, tmp_path, weights), baselines=("init",)), Listener())
    net = Backbone(NETWORK, "keep", 32).net
    given = load_file(weights)
    assert last_stage_keys(net) <= given.keys() == started[0].keys()
    assert all(started[0][key].equal(given[key]) for key in given)
    sentence = f"finetune_init: Starting from {weights}: {len(given)} of {len(given)} tensors"
    assert any(line.startswith(sentence) for line in whole[2])


def test_a_run_killed_in_an_arm_ends_as_if_it_never_was(
    tiny: Path, tmp_path: Path, weights: Path, whole: Whole
) -> None:
    wanted = replace(_wanted(tiny, tmp_path, weights), baselines=("init",))
    with pytest.raises(Interrupted, match=r"^stopped in finetune_init at step 2 of "):
        run_recipe(wanted, Listener("finetune_init", 2))
    assert not (tmp_path / "ckpt-init.pt").exists()
    last = Listener()
    report = run_recipe(wanted, last)
    assert "Going on with finetune_init from step 2." in last.sentences
    assert _same(tmp_path / "ckpt-init.pt", whole[0] / "ckpt-init.pt")
    for key in ("scores", "scores_init"):
        assert report[key] == whole[1][key]
    assert report["arms"]["init"]["difference"] == whole[1]["arms"]["init"]["difference"]


def test_the_verdict_names_the_weights_and_the_page_shows_every_arm(whole: Whole) -> None:
    out, report, _ = whole
    assert "the weights of net.safetensors fine-tuned directly" in report["verdict"]
    card = next(card for card in score_cards(report) if card.title == "Fine-tuned")
    assert [line.kind for line in card.lines] == ["run", *ARMS, "majority"]
    page = (out / "report.html").read_text()
    assert "the weights directly, equal total time" in page


def test_fresh_removes_what_the_arms_left(tiny: Path, tmp_path: Path, whole: Whole) -> None:
    wanted = request(tiny / "tiny.toml", tiny / "unlabelled", tmp_path, "pretrain.epochs=1")
    run_recipe(wanted, Listener())
    for name in FILES:
        (tmp_path / name).write_bytes((whole[0] / name).read_bytes())
    run_recipe(replace(wanted, fresh=True), Listener())
    assert not any((tmp_path / name).exists() for name in FILES)


@pytest.mark.parametrize("start", [run_recipe, plan_recipe])
def test_arms_that_start_from_weights_are_refused_without_any(
    tiny: Path, tmp_path: Path, start: Any
) -> None:
    wanted = request(tiny / "tiny.toml", tiny / "images", tmp_path / "run", *SETTINGS)
    expected = (
        "--baselines: init must come with weights to start from, got --init none; "
        "pass --init FILE or timm:NAME, or take random and longer"
    )
    with pytest.raises(UserError) as refusal:
        start(replace(wanted, baselines=("init", "random")), Listener())
    assert str(refusal.value) == expected


def test_a_plan_prices_the_arms(tiny: Path, tmp_path: Path, weights: Path) -> None:
    told = plan_recipe(_wanted(tiny, tmp_path / "run", weights), Listener())
    (line,) = [line for line in told.splitlines() if line.startswith("baselines")]
    assert line.startswith(f"baselines   init: about {WARMED_UP} epochs, ")
    assert "; init-longer: about " in line


@pytest.mark.parametrize(
    ("baselines", "epochs"),
    [
        # 18 images at 9 a second: an epoch takes 2 s; fine-tuning with its warm-up has two.
        (("init",), 26),  # (60 - 2 * 4) / 2
        (None, 12),  # (60 - 3 * 4) / (2 * 2): the longer one takes all of our time again
    ],
)
def test_minutes_hold_what_the_arms_take(
    tiny: Path, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch,
    baselines: tuple[str, ...] | None, epochs: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(probe, "measure_rate", lambda *_: probe.Rate(9.0, 8))
    wanted = request(tiny / "tiny.toml", tiny / "images", tmp_path, "finetune.epochs=1")
    wanted = replace(wanted, init=str(weights), baselines=baselines, minutes=1.08)
    listener = Listener("pretrain", 1)
    with pytest.raises(Interrupted):
        run_recipe(wanted, listener)
    assert f"1.08 minutes are {epochs} pretraining epochs here." in listener.sentences


def test_arms_go_without_the_file_once_the_run_has_begun(
    tiny: Path, tmp_path: Path, weights: Path, whole: Whole
) -> None:
    mine = tmp_path / weights.name
    mine.write_bytes(weights.read_bytes())
    wanted = replace(_wanted(tiny, tmp_path / "run", mine), baselines=("init",))
    with pytest.raises(Interrupted):
        run_recipe(wanted, Listener("pretrain", 2))
    mine.unlink()
    report = run_recipe(wanted, Listener())
    for name in ("ckpt.pt", "ckpt-init.pt"):  # ours grows its last stage back with what they had
        assert _same(tmp_path / "run" / name, whole[0] / name)
    assert report["scores_init"] == whole[1]["scores_init"]


def test_a_start_that_was_kept_and_is_damaged_is_told(
    tiny: Path, tmp_path: Path, weights: Path
) -> None:
    wanted = replace(_wanted(tiny, tmp_path, weights), baselines=("init",))
    with pytest.raises(Interrupted):
        run_recipe(wanted, Listener("finetune", 1))
    kept = tmp_path / "state" / "start.safetensors"
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.write_bytes(content)
    with pytest.raises(UserError, match=r"start\.safetensors: must be the network that this run"):
        run_recipe(wanted, Listener())
