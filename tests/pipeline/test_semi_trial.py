"""Few labels: a run tries images without label by itself, and val says whether that is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pipeline.stories import run_recipe
from pipeline.tiny_run import ENGINE, Listener, request, write_images, write_recipe

import edgessl
from edgessl import checkpoint
from edgessl.errors import Interrupted, UserError
from edgessl.pipeline.finetune import semi_choice
from edgessl.reporter import Silent

FEW = 4  # labels a class, of 40 to 50 images that train
TRIAL = (
    "finetune.epochs=8", "backbone.last_stage=keep", 'evaluate.protocols=["finetune"]',
    "finetune.semi_trial.name=fixmatch", "finetune.semi_trial.labelled_below_percent=30",
    "data.val_percent=40",
)  # fmt: skip


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has pretrained, and tried nothing, on images of two classes."""
    folder = tmp_path_factory.mktemp("trial")
    recipe, data = write_recipe(folder), write_images(folder / "data", count=64)
    asked = request(recipe, data, folder / "run", "pretrain.epochs=1", *TRIAL)
    assert "semi_trial" not in run_recipe(asked, Silent())
    return folder


def finetune(start: Path, out: Path, *changes: str, reporter: Any = None, **more: Any) -> Path:
    """Fine-tune on a few labels, and return the run folder."""
    edgessl.finetune(
        start / "run" / "pretrained.pt", out=out, device="cpu",
        overrides=(*ENGINE, *TRIAL, *changes), reporter=reporter or Silent(),
        **{"data": start / "data", "labels_per_class": FEW, "baselines": ("none",), **more},
    )  # fmt: skip
    return out


@pytest.fixture(scope="module")
def whole(start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finetune(start, tmp_path_factory.mktemp("whole") / "run")


def report_of(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "report.json").read_text()))


def weights(file: Path) -> dict[str, torch.Tensor]:
    return dict(checkpoint.load(file)["weights"])


def same(one: Path, other: Path) -> bool:
    first, second = weights(one), weights(other)
    return all(torch.equal(value, second[key]) for key, value in first.items())


def test_it_is_tried_after_fine_tuning_and_the_one_that_val_prefers_is_kept(whole: Path) -> None:
    choice = report_of(whole)["semi_trial"]
    assert choice["labelled"] == 2 * FEW
    assert choice["unlabelled"] > 20
    assert choice["n"] >= 20
    assert choice["kept"] is (choice["val_top1"] > choice["labels_alone_top1"])
    kept = "semi" if choice["kept"] else "labels-alone"
    assert same(whole / "ckpt.pt", whole / "state" / f"{kept}.pt")
    assert not same(whole / "state" / "semi.pt", whole / "state" / "labels-alone.pt")
    log = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert any("confident_percent" in line for line in log if line["stage"] == "finetune_semi")
    assert "images without label" in (whole / "report.html").read_text()


@pytest.mark.parametrize("better", [True, False])
def test_the_one_that_gets_more_right_is_what_is_exported(
    start: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, better: bool
) -> None:
    """Val's answers are made up; the choice that follows from them is not."""
    right = {
        semi_choice.SEMI.file: torch.tensor([better] + [False] * 19 + [True] * 10),
        semi_choice.LABELS_ALONE.file: torch.tensor([False] * 20 + [True] * 10),
    }
    monkeypatch.setattr(semi_choice, "_right", lambda _, stage: right[stage.file])
    run = finetune(start, tmp_path / "run")
    choice = report_of(run)["semi_trial"]
    assert choice["kept"] is better
    assert choice["labels_alone_top1"] == 33.33
    assert same(run / "ckpt.pt", whole / "state" / ("semi.pt" if better else "labels-alone.pt"))


@pytest.mark.parametrize("stage", ["finetune", "finetune_semi"])
def test_a_run_that_was_stopped_ends_with_the_same_weights(
    start: Path, whole: Path, tmp_path: Path, stage: str
) -> None:
    with pytest.raises(Interrupted):
        finetune(start, tmp_path / "run", reporter=Listener(stage, 1))
    run = finetune(start, tmp_path / "run")
    for name in ("ckpt.pt", "state/semi.pt", "state/labels-alone.pt"):
        assert same(run / name, whole / name)
    assert report_of(run)["semi_trial"] == report_of(whole)["semi_trial"]


def test_a_choice_that_was_cut_off_is_made_again_from_both(
    start: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends after ckpt.pt is written, and before run.json says so."""
    choose = semi_choice.choose

    def cut_off(*given: Any) -> dict[str, Any]:
        choose(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr("edgessl.pipeline.arms.choose", cut_off)
    with pytest.raises(KeyboardInterrupt):
        finetune(start, tmp_path / "run")
    monkeypatch.undo()
    run = finetune(start, tmp_path / "run")
    assert report_of(run)["semi_trial"] == report_of(whole)["semi_trial"]
    assert same(run / "ckpt.pt", whole / "ckpt.pt")


def test_a_longer_run_tries_again(start: Path, tmp_path: Path) -> None:
    run = finetune(start, tmp_path / "run")
    before = weights(run / "state" / "labels-alone.pt")
    finetune(start, tmp_path / "run", "finetune.epochs=12")
    after = weights(run / "state" / "labels-alone.pt")
    assert any(not torch.equal(value, after[key]) for key, value in before.items())
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert sum(line.get("stage") == "finetune_semi" for line in log) > 2


def test_a_recipe_tries_it_on_the_images_whose_labels_it_does_not_keep(
    start: Path, tmp_path: Path
) -> None:
    asked = request(start / "tiny.toml", start / "data", tmp_path / "run", "pretrain.epochs=1",
                    *TRIAL, "finetune.mixup_alpha=0.2")  # fmt: skip
    report = run_recipe(replace(asked, labels_per_class=FEW), Silent())
    assert report["semi_trial"]["labelled"] == 2 * FEW
    assert "finetune_semi" in report["throughput"]["seconds"]


def test_images_given_by_the_user_are_tried_with_any_recipe(start: Path, tmp_path: Path) -> None:
    """However many labels there are: whoever names the folder wants it tried."""
    other = write_images(tmp_path / "other", classes=3, labelled=False)
    edgessl.finetune(
        start / "run" / "pretrained.pt", data=start / "data", unlabelled=other, device="cpu",
        recipe=str(start / "tiny.toml"), baselines=("none",), out=tmp_path / "run",
        overrides=(*ENGINE, "finetune.epochs=1", "data.val_percent=40"), reporter=Silent(),
    )  # fmt: skip
    report = report_of(tmp_path / "run")
    assert report["semi_trial"]["unlabelled"] == report["data"]["counts"]["unlabeled"]


def test_images_given_by_the_user_that_nothing_would_use_are_refused(
    start: Path, tmp_path: Path
) -> None:
    other = write_images(tmp_path / "other", classes=3, labelled=False)
    off = "finetune.semi_trial.labelled_below_percent=0"
    with pytest.raises(UserError, match=r"--unlabelled .*labelled_below_percent .* got 0; leave"):
        finetune(start, tmp_path / "run", off, unlabelled=other)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "more", "why"),
    [
        (("finetune.balance=sampling",), {}, "finetune.balance is 'sampling'"),
        (("data.val_percent=5",), {}, "saying whether it helps takes 20"),
        (("finetune.optim.warmup_epochs=3",), {}, "warmup_epochs must be at most"),
    ],
)
def test_what_keeps_it_from_being_tried_is_said(
    start: Path, tmp_path: Path, changes: tuple[str, ...], more: dict[str, Any], why: str
) -> None:
    listener = Listener()
    run = finetune(start, tmp_path / "run", *changes, reporter=listener, **more)
    assert "semi_trial" not in report_of(run)
    assert any("are not tried" in line and why in line for line in listener.sentences)
    other = write_images(tmp_path / "other", classes=3, labelled=False)
    with pytest.raises(UserError, match="--unlabelled") as error:
        finetune(start, tmp_path / "more", *changes, unlabelled=other, **more)
    assert why in str(error.value)
    assert not (tmp_path / "more").exists()


def test_enough_labels_try_nothing_and_zero_turns_it_off(start: Path, tmp_path: Path) -> None:
    for name, below, more in (("all", 30, {"labels_per_class": 20}), ("off", 0, {})):
        change = f"finetune.semi_trial.labelled_below_percent={below}"
        run = finetune(start, tmp_path / name, change, **more)
        assert "semi_trial" not in report_of(run)
        assert not (run / "state" / "semi.pt").exists()
