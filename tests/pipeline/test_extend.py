"""A run is made longer with more epochs, finished or not, and says what that means."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pipeline.stories import (
    Finetuning,
    Pretraining,
    plan_recipe,
    run_finetune,
    run_recipe,
)
from tiny_run import Listener, request

from edgessl import checkpoint
from edgessl.errors import Interrupted, UserError
from edgessl.pipeline.score import probe
from edgessl.recipe import load_recipe


def _wanted(tiny: Path, out: Path, epochs: int, *overrides: str) -> Pretraining:
    """Ask for a pretraining of 2 steps an epoch; with 2 epochs it is that of ``finished``."""
    return replace(
        request(tiny / "tiny.toml", tiny / "images", out, *overrides), epochs=epochs
    )


def _pretraining(tiny: Path, out: Path, epochs: int) -> Pretraining:
    """Ask for pretraining only."""
    return replace(_wanted(tiny, out, epochs), data=str(tiny / "unlabelled"))


def _log(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def _steps(out: Path, stage: str) -> list[int]:
    return [line["step"] for line in _log(out) if line["stage"] == stage and "loss" in line]


def _weights(path: Path) -> dict[str, torch.Tensor]:
    return dict(checkpoint.load(path)["weights"])


@pytest.fixture(scope="module")
def extended(
    tiny: Path, copied: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[str], dict[str, Any], dict[str, torch.Tensor]]:
    """A finished run of 2 epochs that got 4.

    Returns:
        Its folder, what it said, its report, and its weights before.
    """
    out = copied(tmp_path_factory.mktemp("extend") / "extended")
    before = _weights(out / "pretrained.pt")
    listener = Listener()
    report = run_recipe(_wanted(tiny, out, 4), listener)
    return out, listener.sentences, report, before


def test_a_finished_run_goes_on_from_its_last_step_and_redoes_what_follows(
    extended: tuple[Path, list[str], dict[str, Any], dict[str, torch.Tensor]],
) -> None:
    out, said, report, before = extended
    assert "Going on with pretrain from step 4." in said
    assert _steps(out, "pretrain") == list(range(1, 9))
    assert _steps(out, "warmup") == [1, 2]
    assert _steps(out, "finetune") == [1, 2, 3, 4]
    after = _weights(out / "pretrained.pt")
    assert any(not torch.equal(before[key], after[key]) for key in before)
    assert report["recipe"]["pretrain"]["epochs"] == 4
    assert json.loads((out / "report.json").read_text()) == report
    assert load_recipe(str(out / "recipe.toml")).pretrain.epochs == 4
    assert json.loads((out / "run.json").read_text())["extended"] == [
        {"stage": "pretrain", "from_epochs": 2, "to_epochs": 4, "at_step": 4}
    ]


def test_it_says_what_that_means_for_the_schedule(
    extended: tuple[Path, list[str], dict[str, Any], dict[str, torch.Tensor]],
) -> None:
    out, said, _, _ = extended
    rates = [line["lr"] for line in _log(out) if line["stage"] == "pretrain" and "lr" in line]
    (sentence,) = [line for line in said if line.startswith("pretrain gets 4 epochs instead of 2")]
    assert "goes on from step 4" in sentence
    assert f"the learning rate goes from {rates[3]:.3g} to {rates[4]:.3g}" in sentence
    assert rates[4] > rates[3]
    assert "not that of 4 epochs from the start" in sentence
    assert "until then ckpt.pt is that of 2 epochs" in sentence


def test_what_is_stretched_ends_as_a_run_that_was_interrupted_while_stretched(
    tiny: Path, extended: tuple[Path, list[str], dict[str, Any], dict[str, torch.Tensor]],
    copied: Callable[[Path], Path], tmp_path: Path,
) -> None:
    out = copied(tmp_path / "interrupted")
    for stage, step in (("pretrain", 5), ("pretrain", 7), ("warmup", 1), ("finetune", 1)):
        with pytest.raises(Interrupted):
            run_recipe(_wanted(tiny, out, 4), Listener(stage, step))
    report = run_recipe(_wanted(tiny, out, 4), Listener())
    assert report["scores"] == extended[2]["scores"]
    for name in ("pretrained.pt", "ckpt.pt", "log.jsonl"):
        assert (out / name).read_bytes() == (extended[0] / name).read_bytes(), name


def test_an_unfinished_run_goes_on_from_its_state(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        run_recipe(_pretraining(tiny, tmp_path, 2), Listener("pretrain", 3))
    listener = Listener()
    run_recipe(_pretraining(tiny, tmp_path, 3), listener)
    assert "Going on with pretrain from step 3." in listener.sentences
    assert _steps(tmp_path, "pretrain") == list(range(1, 7))


def test_states_of_later_stages_are_not_taken_for_those_of_the_longer_run(
    tiny: Path, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        run_recipe(_wanted(tiny, tmp_path, 2), Listener("finetune", 1))
    listener = Listener()
    run_recipe(_wanted(tiny, tmp_path, 3), listener)
    assert not any(line.startswith("Going on with finetune") for line in listener.sentences)
    assert _steps(tmp_path, "finetune") == [1, 2, 3, 4]


def test_without_the_last_state_it_starts_from_the_beginning_and_says_so(
    tiny: Path, tmp_path: Path
) -> None:
    run_recipe(_pretraining(tiny, tmp_path, 1), Listener())
    for state in (tmp_path / "state").glob("*.pt"):
        state.write_bytes(b"damaged")
    listener = Listener()
    run_recipe(_pretraining(tiny, tmp_path, 2), listener)
    assert "pretrain gets 2 epochs instead of 1; it starts from its beginning." in (
        listener.sentences
    )
    fresh = tmp_path / "fresh"
    run_recipe(_pretraining(tiny, fresh, 2), Listener())
    assert (tmp_path / "ckpt.pt").read_bytes() == (fresh / "ckpt.pt").read_bytes()


def test_a_shorter_run_is_refused_with_both_lengths(
    tiny: Path, extended: tuple[Path, list[str], dict[str, Any], dict[str, torch.Tensor]]
) -> None:
    expected = (
        r"pretrain\.epochs can be extended but not shortened: this run has 4, got 2; "
        r"pass --epochs 4 to go on with it, choose another folder with --out, or start over"
    )
    with pytest.raises(UserError, match=expected):
        run_recipe(_wanted(tiny, extended[0], 2), Listener())


def test_nothing_else_may_change_with_the_epochs(
    tiny: Path, extended: tuple[Path, list[str], dict[str, Any], dict[str, torch.Tensor]]
) -> None:
    with pytest.raises(UserError, match=r"differs in optim\.lr .*; pretrain\.epochs \(4 before"):
        run_recipe(_wanted(tiny, extended[0], 8, "optim.lr=2.0"), Listener())


def test_a_fine_tuning_is_made_longer_in_the_same_way(
    tiny: Path, extended: tuple[Path, list[str], dict[str, Any], dict[str, torch.Tensor]],
    tmp_path: Path,
) -> None:
    wanted = Finetuning(
        str(extended[0] / "pretrained.pt"), str(tiny / "images"), epochs=1, out=tmp_path / "tuned",
        baselines=("none",), device="cpu",
    )
    run_finetune(wanted, Listener())
    listener = Listener()
    run_finetune(replace(wanted, epochs=3), listener)
    assert "Going on with finetune from step 2." in listener.sentences
    assert "warmup" not in listener.stages
    assert _steps(tmp_path / "tuned", "finetune") == list(range(1, 7))
    assert _steps(tmp_path / "tuned", "warmup") == [1, 2]


# ---- --minutes


def _minutes(tiny: Path, out: Path, minutes: float, *overrides: str) -> Pretraining:
    return replace(_wanted(tiny, out, 1, *overrides), epochs=None, minutes=minutes)


def test_minutes_are_settled_once_and_other_minutes_change_nothing(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "STEPS", 1)
    with pytest.raises(Interrupted):
        run_recipe(_minutes(tiny, tmp_path, 0.5), Listener("pretrain", 1))
    epochs = json.loads((tmp_path / "run.json").read_text())["identity"]["recipe"]["pretrain"][
        "epochs"
    ]
    for minutes, told in ((0.5, False), (3.0, True)):
        listener = Listener("pretrain", 3 if told else 2)
        with pytest.raises(Interrupted, match=f"of {2 * epochs};"):
            run_recipe(_minutes(tiny, tmp_path, minutes), listener)
        sentence = (
            f"--minutes {minutes:g}: this run keeps the {epochs} pretraining epochs that it has; "
            "--epochs can make it longer."
        )
        assert (sentence in listener.sentences) == told


def test_a_plan_of_a_run_that_was_begun_keeps_its_epochs_too(
    tiny: Path, copied: Callable[[Path], Path], tmp_path: Path
) -> None:
    out, listener = copied(tmp_path / "begun"), Listener()
    told = plan_recipe(_minutes(tiny, out, 3.0), listener)
    assert "(2 epochs, batch 8)" in told
    assert any("keeps the 2 pretraining epochs" in sentence for sentence in listener.sentences)


def _rates(monkeypatch: pytest.MonkeyPatch, *, pretrain: float, finetune: float) -> None:
    """Let stages train so many images in a second, whatever this machine does."""
    rate = {True: probe.Rate(pretrain, 8), False: probe.Rate(finetune, 8)}
    monkeypatch.setattr(
        probe, "measure_rate", lambda _context, _method, stage: rate[stage.what == probe.PROBE]
    )


@pytest.mark.parametrize(
    ("baselines", "epochs"),
    [
        # 18 images at 9 a second: an epoch takes 2 s; fine-tuning with its warm-up has two.
        (("none",), 28),  # (60 - 4) / 2
        (("random",), 26),  # (60 - 2 * 4) / 2
        (("longer",), 13),  # (60 - 2 * 4) / (2 * 2): its time is all of ours again
        (("random", "longer"), 12),  # (60 - 3 * 4) / (2 * 2)
    ],
)
def test_minutes_hold_what_the_baselines_take_too(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    baselines: tuple[str, ...], epochs: int,
) -> None:  # fmt: skip
    _rates(monkeypatch, pretrain=9.0, finetune=9.0)
    wanted = _minutes(tiny, tmp_path, 1.08, "finetune.epochs=1")
    listener = Listener("pretrain", 1)
    with pytest.raises(Interrupted):
        run_recipe(replace(wanted, baselines=baselines), listener)
    assert f"1.08 minutes are {epochs} pretraining epochs here." in listener.sentences


def test_minutes_that_hold_no_epoch_are_refused_with_the_time_that_one_takes(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rates(monkeypatch, pretrain=9.0, finetune=9.0)
    expected = (
        "--minutes: must leave time for an epoch of pretraining, which with fine-tuning and its "
        r"baselines takes about 0\.11 minutes here, got 0\.1; pass --minutes 0\.2; or fewer "
    )
    with pytest.raises(UserError, match=expected):
        run_recipe(_minutes(tiny, tmp_path, 0.1, "finetune.epochs=1"), Listener())
    assert not (tmp_path / "run.json").exists()


def test_a_fresh_run_that_is_refused_leaves_the_run_that_is_there(
    tiny: Path, copied: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rates(monkeypatch, pretrain=9.0, finetune=9.0)
    out = copied(tmp_path / "run")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="--minutes: must leave time for an epoch"):
        run_recipe(replace(_minutes(tiny, out, 0.1), fresh=True), Listener())
    assert {path: path.read_bytes() for path in before} == before


def test_minutes_that_are_too_few_for_the_warm_up_are_refused(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rates(monkeypatch, pretrain=8.0, finetune=1000.0)
    expected = (
        r"tiny, --minutes 0\.05: 1 mistake\(s\)\n  .*optim\.warmup_epochs must be at most "
        r"pretrain\.epochs \(1\), got 2"
    )
    wanted = _minutes(
        tiny, tmp_path, 0.05, 'optim={name="sgd", lr=1.0, warmup_epochs=2}', "pretrain.epochs=5"
    )
    with pytest.raises(UserError, match=expected):
        run_recipe(wanted, Listener())
    assert not (tmp_path / "run.json").exists()


# ---- durations in steps


def test_a_duration_in_steps_longer_than_its_stage_is_refused_naming_both(
    tiny: Path, tmp_path: Path
) -> None:
    wanted = _wanted(
        tiny, tmp_path, 3, 'optim={name="sgd", lr=1.0, warmup_steps=7}',
        'finetune.optim={name="sgd", lr=1.0, warmup_steps=3}', "finetune.epochs=1",
    )
    with pytest.raises(UserError) as refusal:
        run_recipe(wanted, Listener())
    assert str(refusal.value).splitlines() == [
        "tiny: 2 mistake(s)",
        "  optim.warmup_steps: must be at most the 6 steps of its stage (3 epochs of 2), got 7; "
        "give it as warmup_percent to keep its share of the stage",
        "  finetune.optim.warmup_steps: must be at most the 2 steps of its stage (1 epochs of 2), "
        "got 3; give it as warmup_percent to keep its share of the stage",
    ]
    assert not re.search("Traceback", str(refusal.value))
    assert not (tmp_path / "run.json").exists()
