"""A loss that is not finite is skipped, then rolled back, then ends the run and keeps the step.

The failing losses are real: a learning rate that no network survives, or a method that fails on
purpose, trained by the same code as any other.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pipeline.stories import run_recipe
from tiny_run import ENGINE, Listener, request
from torch import Tensor

from edgessl import checkpoint
from edgessl.data.load import load_dataset
from edgessl.errors import GateFailed, Interrupted
from edgessl.methods.dino import Dino
from edgessl.methods.method import Step
from edgessl.pipeline.pretrain import new_backbone, pretraining
from edgessl.recipe import load_recipe
from edgessl.recipe.stages import pretrain_stages
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import PRETRAIN
from edgessl.schedules import Clock
from edgessl.train import Engine
from edgessl.train.place.context import Context
from edgessl.train.place.images import images_of
from edgessl.train.stage.train_stage import train_stage

LETHAL = ("optim.lr=1e30", "pretrain.epochs=5", "optim.warmup_percent=0")


class Failing(Dino):
    """DINO whose loss is infinite when ``fails`` says so."""

    fails: Callable[[int], bool] = staticmethod(lambda step: False)

    def forward(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        """Compute the loss, or spoil it."""
        step = super().forward(views, labels, clock)
        return step._replace(loss=step.loss * float("inf")) if self.fails(clock.step) else step


def _context(tiny: Path, out: Path, listener: Listener) -> Context:
    recipe = load_recipe(str(tiny / "tiny.toml"), overrides=["pretrain.epochs=5"])
    dataset = load_dataset(str(tiny / "images"))
    cpu = torch.device("cpu")
    images = images_of(dataset, recipe, listener, cpu)
    return Context(
        run=RunFolder(out), recipe=recipe, dataset=dataset, images=images, engine=Engine(cpu),
        seed=0, reporter=listener,
    )


def _train(
    context: Context, fails: Callable[[int], bool], last_step: int = 10
) -> tuple[Failing, list[dict[str, Any]]]:
    """Pretrain on the tiny images, 2 steps an epoch.

    Returns:
        The method, and the lines of the log.
    """
    stage = pretraining(context, pretrain_stages(context.recipe)[0], 0)
    method = Failing(new_backbone(context, stage=PRETRAIN, whole=False), context.recipe.method)
    method.fails = fails  # type: ignore[method-assign]
    train_stage(context, stage, method, method, context.images.pretraining())
    return method, _log(context.run.path)


def _log(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_a_skipped_step_leaves_weights_statistics_optimiser_and_teacher_alone(
    tiny: Path, tmp_path: Path
) -> None:
    stopped = []
    for name, fails in (("fine", lambda step: False), ("skipped", lambda step: step == 3)):
        context = _context(tiny, tmp_path / name, Listener("pretrain", 3))
        with pytest.raises(Interrupted):
            _train(context, lambda step: False)
        context = _context(tiny, tmp_path / name, Listener("pretrain", 4))
        with pytest.raises(Interrupted):
            _train(context, fails)
        stopped.append(context.run.load_states("pretrain", print)[:2])
    (_after, before), (skipped, same_before) = stopped
    assert (skipped["step"], before["step"], same_before["step"]) == (4, 3, 3)
    assert skipped["guard"] == {"skipped": 1, "rollbacks": 0}
    assert _equal(skipped["module"], before["module"])
    assert _equal(skipped["optimizer"], before["optimizer"], but=("lr", "weight_decay"))
    assert not _equal(_after["module"], before["module"])


def _equal(one: Any, other: Any, but: tuple[str, ...] = ()) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            key in but or _equal(one[key], other[key], but) for key in one
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(
            _equal(a, b, but) for a, b in zip(one, other, strict=True)
        )
    return bool(one == other)


def test_one_bad_step_is_skipped_and_the_run_goes_on(tiny: Path, tmp_path: Path) -> None:
    listener = Listener()
    _, log = _train(_context(tiny, tmp_path, listener), lambda step: step in (3, 6))
    assert [line["step"] for line in log if line.get("skipped")] == [4, 7]
    assert log[-1]["step"] == 10
    assert "pretrain, step 4: the loss is inf; the step is skipped." in listener.sentences
    assert not any("rolled_back" in line for line in log)


def test_three_bad_steps_in_a_row_roll_back_to_half_the_learning_rate(
    tiny: Path, tmp_path: Path
) -> None:
    failures = iter([True] * 3)
    usual = _train(_context(tiny, tmp_path / "usual", Listener()), lambda step: False)[1]
    context = _context(tiny, tmp_path / "rolled", Listener("pretrain", 8))
    with pytest.raises(Interrupted):
        _train(context, lambda step: step >= 3 and next(failures, False))
    said = context.reporter.sentences  # type: ignore[attr-defined]
    assert "The loss stayed not finite: back to step 0, with the learning rate times 0.5." in said
    _, log = _train(_context(tiny, tmp_path / "rolled", Listener()), lambda step: False)
    assert [line["step"] for line in log if line.get("rolled_back")] == [0]
    rates = {line["step"]: line["lr"] for line in log if "loss" in line}
    expected = {line["step"]: line["lr"] / 2 for line in usual if "loss" in line}
    assert rates == pytest.approx(expected)  # those after the interruption at step 8 too


def test_the_second_rollback_goes_further_back(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgessl.train.stage import state

    monkeypatch.setattr(state, "SAVE_EVERY_S", 0.0)  # a state after every step
    monkeypatch.setattr(state, "SAVE_EPOCH_EVERY_S", 0.0)
    monkeypatch.setattr(state, "SAVE_SHARE", float("inf"))
    failures = iter([True] * 6)
    context = _context(tiny, tmp_path, Listener())
    _, log = _train(context, lambda step: step >= 5 and next(failures, False))
    back = [line["step"] for line in log if line.get("rolled_back")]
    said = [line for line in context.reporter.sentences  # type: ignore[attr-defined]
            if line.startswith("The loss stayed")]  # fmt: skip
    assert [int(re.findall(r"step (\d+)", line)[0]) for line in said] == [5, 4]
    assert back == [4]  # the line of the first lay after it
    assert log[-1]["step"] == 10


@pytest.fixture(scope="module")
def stopped(
    tiny: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, GateFailed, list[str]]:
    """A run with a lethal learning rate: its folder, how it ended, what it said."""
    listener, out = Listener(), tmp_path_factory.mktemp("diverged") / "stopped run"
    with pytest.raises(GateFailed) as failure:
        run_recipe(request(tiny / "tiny.toml", tiny / "images", out, *LETHAL), listener)
    return out, failure.value, listener.sentences


def test_a_lethal_learning_rate_ends_the_run_after_two_rollbacks(
    stopped: tuple[Path, GateFailed, list[str]],
) -> None:
    out, failure, said = stopped
    assert failure.exit_code == 3
    expected = r"pretrain: the loss must stay finite, got (nan|inf) at step \d+ after 2 rollbacks"
    assert re.match(expected, str(failure))
    assert "a lower --set optim.lr=... and --fresh (or another --out)" in str(failure)
    assert sum(line.startswith("The loss stayed not finite") for line in said) == 2
    assert checkpoint.load(out / "state" / "diverged.pt")["guard"]["rollbacks"] == 2


def test_the_same_command_again_says_how_to_go_on_instead_of_failing_slowly(
    tiny: Path, stopped: tuple[Path, GateFailed, list[str]]
) -> None:
    listener = Listener()
    wanted = request(tiny / "tiny.toml", tiny / "images", stopped[0], *LETHAL)
    with pytest.raises(GateFailed) as failure:
        run_recipe(wanted, listener)
    assert str(failure.value) == str(stopped[1])
    assert "pretrain" not in listener.stages


def test_the_way_out_that_is_named_works(
    tiny: Path, tmp_path: Path, stopped: tuple[Path, GateFailed, list[str]]
) -> None:
    out = shutil.copytree(stopped[0], tmp_path / "run")
    wanted = request(tiny / "tiny.toml", tiny / "images", out, *LETHAL)
    with pytest.raises(GateFailed):
        run_recipe(wanted, Listener())
    run_recipe(replace(wanted, fresh=True, overrides=ENGINE), Listener())
    assert (out / "report.json").is_file()


def test_the_weights_before_the_failed_step_are_kept(
    stopped: tuple[Path, GateFailed, list[str]],
) -> None:
    dump = stopped[0] / "state" / "diverged.pt"
    saved = checkpoint.load(dump)
    assert saved["stage"] == "pretrain"
    assert f"at step {saved['failed_step'] + 1} after" in str(stopped[1])
    assert f"{dump} has the weights before that step" in str(stopped[1])
    assert any(value.numel() for value in saved["module"].values())


def test_fine_tuning_is_guarded_too_and_its_step_kept(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    wanted = request(
        tiny / "tiny.toml", tiny / "images", out, "finetune.optim.lr=1e30", "finetune.epochs=5"
    )
    with pytest.raises(GateFailed, match=r"finetune: .*a lower --set finetune\.optim\.lr="):
        run_recipe(wanted, Listener())
    assert checkpoint.load(out / "state" / "diverged.pt")["stage"] == "finetune"
    with pytest.raises(GateFailed, match=r"finetune: "):
        run_recipe(wanted, Listener())
