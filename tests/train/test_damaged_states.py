"""A state is gone on from only if it is one of the very stage, whole and of finite numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from edgessl import checkpoint
from edgessl.errors import UserError
from edgessl.optim.lars import Lars
from edgessl.runs.folder import RunFolder
from edgessl.train.stage.state import StageState
from edgessl.train.stage.state_table import refuse_damaged

OPTIMISERS: dict[str, Callable[[nn.Module], torch.optim.Optimizer]] = {
    "sgd": lambda module: torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9),
    "adamw": lambda module: torch.optim.AdamW(module.parameters(), lr=0.1),
    "lars": lambda module: Lars(module.parameters(), lr=0.1),
}
Say = list[str]


def stage(run: RunFolder, said: Say, name: str = "adamw") -> StageState:
    """A stage that has taken a step."""
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    optimizer = OPTIMISERS[name](module)
    module(torch.ones(2, 3) * torch.tensor([[1.0], [2.0]])).square().sum().backward()
    optimizer.step()
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    return StageState(run, "pretrain", module, optimizer, scaler, said.append)


def payload_of(run: RunFolder) -> dict[str, Any]:
    return checkpoint.load(run.path / "state" / "a.pt")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A new run folder."""
    return RunFolder(tmp_path / "run")


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_sound_state_is_restored(run: RunFolder, name: str) -> None:
    said: Say = []
    first = stage(run, said, name)
    first.save(7)
    second = stage(run, said, name)
    assert second.restore()
    assert (second.step, said) == (7, [])
    ours, theirs = (state.payload() for state in (first, second))
    assert all(ours["module"][key].equal(theirs["module"][key]) for key in ours["module"])


def put(*keys: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    """Replace one value inside of a state."""

    def change(saved: dict[str, Any]) -> None:
        place: Any = saved
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


def drop(*keys: Any) -> Callable[[dict[str, Any]], None]:
    def change(saved: dict[str, Any]) -> None:
        place: Any = saved
        for key in keys[:-1]:
            place = place[key]
        del place[keys[-1]]

    return change


NAN = float("nan")
WEIGHT, MOMENT = ("module", "0.weight"), ("optimizer", "state", 0)
GROUP = ("optimizer", "param_groups", 0)
DAMAGE: dict[str, Callable[[dict[str, Any]], None]] = {
    "no stage": drop("stage"),
    "a stage that is a number": put("stage", value=1),
    "a step that is a word": put("step", value="seven"),
    "a step that is a tensor": put("step", value=torch.tensor(7)),
    "a step that is true": put("step", value=True),
    "a step below zero": put("step", value=-1),
    "no module": drop("module"),
    "a module that is a list": put("module", value=[1]),
    "a weight that is a number": put(*WEIGHT, value=1.0),
    "a weight that is missing": drop(*WEIGHT),
    "a weight too many": put("module", "extra", value=torch.zeros(1)),
    "a weight of another shape": put(*WEIGHT, value=torch.zeros(4, 4)),
    "a weight of another kind": put(*WEIGHT, value=torch.zeros(4, 3, dtype=torch.float64)),
    "a weight that is no number": put(*WEIGHT, value=torch.full((4, 3), NAN)),
    "an infinite statistic": put("module", "1.running_var", value=torch.full((4,), torch.inf)),
    "no optimiser": drop("optimizer"),
    "an optimiser without groups": put("optimizer", "param_groups", value=[]),
    "a group without a rate": drop(*GROUP, "lr"),
    "a rate that is a word": put(*GROUP, "lr", value="fast"),
    "a rate that is no number": put(*GROUP, "lr", value=NAN),
    "other betas": put(*GROUP, "betas", value=(2.0, 3.0)),
    "a setting of another kind": put(*GROUP, "eps", value="small"),
    "tensors of another group": put(*GROUP, "params", value=[0, 1]),
    "moments of nobody": put("optimizer", "state", 99, value={}),
    "moments by name": put("optimizer", "state", "zero", value={}),
    "a moment that is missing": drop(*MOMENT, "exp_avg"),
    "a moment of another shape": put(*MOMENT, "exp_avg", value=torch.zeros(2)),
    "a moment that is a number": put(*MOMENT, "exp_avg", value=0.5),
    "a moment that is no number": put(*MOMENT, "exp_avg_sq", value=torch.full((4, 3), NAN)),
    "a count of another shape": put(*MOMENT, "step", value=torch.zeros(3)),
    "no scaler": drop("scaler"),
    "a meter with a word": put("meter", "seconds", value="long"),
    "a meter of no number": put("meter", "seconds", value=NAN),
    "a meter without parts": put("meter", "parts", value={}),
    "a meter with more": put("meter", "more", value=1),
    "no guard": drop("guard"),
    "a guard with a word": put("guard", "skipped", value="two"),
    "rollbacks without end": put("guard", "rollbacks", value=10**9),
    "a doctor that is a word": put("doctor", value="ill"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_wrong_state_is_told_in_a_sentence_and_not_gone_on_from(
    run: RunFolder, kind: str
) -> None:
    said: Say = []
    stage(run, said).save(7)
    saved = payload_of(run)
    DAMAGE[kind](saved)
    checkpoint.save(run.path / "state" / "a.pt", saved)
    again = stage(run, said)
    before = {key: value.clone() for key, value in again.payload()["module"].items()}
    assert not again.restore()
    assert again.step == 0
    assert len(said) == 1
    assert said[0].startswith(f"{run.path / 'state'}: a.pt cannot be used (")
    assert said[0].endswith("; pretrain starts from its beginning.")
    assert "\n" not in said[0]
    after = again.payload()["module"]
    assert all(before[key].equal(after[key]) for key in before)


def test_the_other_state_is_gone_on_from(run: RunFolder) -> None:
    said: Say = []
    first = stage(run, said)
    first.save(7)
    first.save(8)
    newest = max((run.path / "state").glob("?.pt"), key=lambda path: path.stat().st_mtime_ns)
    saved = checkpoint.load(newest)
    del saved["optimizer"]
    checkpoint.save(newest, saved)
    again = stage(run, said)
    assert again.restore()
    assert again.step == 7
    (sentence,) = said
    assert "cannot be used (optimizer: field required); going on from" in sentence


def test_a_stage_that_was_given_up_is_told_of_only_as_it_was_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"diverged\.pt: must hold the stage that was given up"):
        refuse_damaged({"stage": "pretrain", "guard": 1}, tmp_path / "diverged.pt")
