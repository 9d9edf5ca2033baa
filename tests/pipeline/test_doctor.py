"""The doctor names collapse on two signs that last, from the end of the warm-up on, and resumes.

The windows below have the figures of real runs on the demo images, healthy and collapsed.
"""

from __future__ import annotations

import json
from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from pipeline.stories import run_recipe
from tiny_run import Listener, request, write_images, write_recipe
from torch import Tensor

from edgessl import checkpoint
from edgessl.errors import GateFailed
from edgessl.methods.signs import BELOW_CHANCE, CHANCE_LOSS, DIMENSIONS, SPREAD
from edgessl.recipe.method_tables.dino import DinoTable
from edgessl.recipe.method_tables.simclr import SimClrTable
from edgessl.recipe.optim_tables import Sgd
from edgessl.schedules import Clock
from edgessl.train import StepRecord
from edgessl.train.health.doctor import WINDOW, Diagnosis, Doctor, Window, judge
from edgessl.train.loop.stopwatch import Stopwatch

WARMUP = 10
SIMCLR = SimClrTable(name="simclr")
OPTIM = Sgd(name="sgd", lr=0.1, warmup_steps=WARMUP)
COLLAPSED = {CHANCE_LOSS: 4.14, BELOW_CHANCE: 0.0, SPREAD: 0.02, DIMENSIONS: 3.0}
HEALTHY = {CHANCE_LOSS: 4.14, BELOW_CHANCE: 0.4, SPREAD: 0.9, DIMENSIONS: 9.0}

LEARNING = Window(chance_loss=5.54, below_chance=0.3, spread=0.9, dimensions=8.0)
AT_CHANCE = replace(LEARNING, below_chance=0.005)
WITH_PROTOTYPES = replace(
    AT_CHANCE, target_entropy=4.2, target_information=1.3, prototypes_used=200,
    prototype_use=0.8, prototypes=256,
)  # fmt: skip


def record(
    step: int, signs: dict[str, float], winners: list[int] | None = None, skipped: bool = False
) -> StepRecord:
    found = {name: torch.tensor(value) for name, value in signs.items()}
    won: Tensor | None = None if winners is None else torch.tensor(winners)
    watch = Stopwatch(torch.device("cpu"))
    return StepRecord(Clock(step, 10, 100), torch.tensor(0.0), found, 0.1, skipped, watch, won)


def feed(doctor: Doctor, signs: dict[str, float], first: int, last: int) -> list[Diagnosis]:
    seen = (doctor.look(record(step, signs)) for step in range(first, last + 1))
    return [found for found in seen if found is not None]


def test_a_loss_at_chance_alone_is_not_collapse() -> None:
    assert judge(AT_CHANCE) == "healthy"
    assert judge(WITH_PROTOTYPES) == "healthy"
    assert judge(replace(AT_CHANCE, views_found=0.1)) == "healthy"


@pytest.mark.parametrize(
    "change",
    [{"spread": 0.02}, {"target_entropy": log(256), "target_information": 0.0},
     {"target_information": 0.0}],
    ids=["spread", "uniform targets", "same targets"],
)  # fmt: skip
def test_nor_is_any_other_sign_with_a_loss_below_chance(change: dict[str, Any]) -> None:
    assert judge(replace(WITH_PROTOTYPES, below_chance=0.3, **change)) == "healthy"


def test_outputs_that_are_constant_and_flat_have_collapsed_whatever_the_loss() -> None:
    # MoCo at a learning rate of 100: keys of a step are alike, and unlike those in the queue.
    lagging = replace(LEARNING, below_chance=0.26, spread=0.04, dimensions=1.2)
    assert judge(lagging) == "collapsed"
    assert judge(replace(lagging, dimensions=3.0)) == "healthy"
    assert judge(replace(lagging, spread=0.3)) == "healthy"


def test_the_kinds_of_collapse_have_their_words() -> None:
    flat = replace(WITH_PROTOTYPES, target_entropy=log(256) - 0.01, target_information=0.001)
    assert judge(flat) == "uniform"
    assert judge(replace(AT_CHANCE, spread=0.03)) == "collapsed"
    same = replace(WITH_PROTOTYPES, target_entropy=0.01, target_information=0.0)
    assert judge(same) == "collapsed"
    assert judge(replace(same, prototype_use=0.01)) == "starved"
    assert judge(replace(AT_CHANCE, dimensions=1.1)) == "narrow"
    # SimCLR with BN behind the projector at a learning rate of 100.
    assert judge(replace(AT_CHANCE, below_chance=-0.5, views_found=0.005)) == "scattered"


def test_windows_count_from_the_end_of_the_warm_up_and_two_must_agree() -> None:
    doctor = Doctor(SIMCLR, OPTIM)
    assert feed(doctor, COLLAPSED, 1, WARMUP + WINDOW - 1) == []
    (first,) = feed(doctor, COLLAPSED, WARMUP + WINDOW, WARMUP + WINDOW)
    assert (first.word, first.advice, doctor.ill) == ("warming up", "", False)
    assert first.window.spread == pytest.approx(0.02)
    (second,) = feed(doctor, COLLAPSED, WARMUP + WINDOW + 1, WARMUP + 2 * WINDOW)
    assert (second.word, second.changed, doctor.ill) == ("collapsed", True, True)
    (third,) = feed(doctor, COLLAPSED, WARMUP + 2 * WINDOW + 1, WARMUP + 3 * WINDOW)
    assert (third.word, third.changed) == ("collapsed", False)
    (fourth,) = feed(doctor, HEALTHY, WARMUP + 3 * WINDOW + 1, WARMUP + 4 * WINDOW)
    assert (fourth.word, fourth.changed, fourth.advice) == ("healthy", True, "")


def test_one_bad_window_between_good_ones_is_nothing() -> None:
    doctor = Doctor(SIMCLR, OPTIM)
    words = []
    for number, signs in enumerate([HEALTHY, COLLAPSED, HEALTHY, COLLAPSED, HEALTHY]):
        first = WARMUP + number * WINDOW + 1
        words += [found.word for found in feed(doctor, signs, first, first + WINDOW - 1)]
    assert words == ["healthy"] * 5


def test_a_skipped_step_does_not_count() -> None:
    doctor = Doctor(SIMCLR, OPTIM)
    feed(doctor, HEALTHY, WARMUP + 1, WARMUP + WINDOW - 1)
    spoilt = {**HEALTHY, SPREAD: float("nan")}
    assert doctor.look(record(WARMUP + WINDOW, spoilt, skipped=True)) is None
    (found,) = feed(doctor, HEALTHY, WARMUP + WINDOW + 1, WARMUP + WINDOW + 1)
    assert found.window.spread == pytest.approx(0.9)


def test_supervised_training_is_not_judged() -> None:
    doctor = Doctor(SIMCLR, OPTIM)
    assert feed(doctor, {"train_top1_percent": 10.0}, 1, 5 * WINDOW) == []


def test_prototypes_count_once_however_often_they_win() -> None:
    doctor = Doctor(DinoTable(name="dino", prototypes=64), OPTIM)
    signs = {**HEALTHY, "target_entropy": 1.0, "target_information": 1.0}
    found = None
    for step in range(WARMUP + 1, WARMUP + WINDOW + 1):
        found = doctor.look(record(step, signs, winners=[3, step % 4, 3]))
    assert found is not None
    assert (found.window.prototypes_used, found.window.prototypes) == (4, 64)
    assert found.window.prototype_use == pytest.approx(4 / 64)


def test_a_resumed_doctor_says_what_an_uninterrupted_one_says(tmp_path: Path) -> None:
    method = DinoTable(name="dino", prototypes=64)
    draw = torch.Generator().manual_seed(0)
    records = [
        record(
            step,
            {**HEALTHY, SPREAD: float(torch.rand((), generator=draw)),
             "target_entropy": 1.0, "target_information": 1.0},
            torch.randint(64, (8,), generator=draw).tolist(),
        )
        for step in range(1, WARMUP + 3 * WINDOW + 1)
    ]  # fmt: skip
    whole = Doctor(method, OPTIM)
    expected = [whole.look(one) for one in records]
    for stop in (5, WARMUP + 30, WARMUP + 2 * WINDOW):
        before = Doctor(method, OPTIM)
        seen = [before.look(one) for one in records[:stop]]
        checkpoint.save(tmp_path / "state.pt", {"doctor": before.state()})
        after = Doctor(method, OPTIM)
        after.restore(checkpoint.load(tmp_path / "state.pt")["doctor"])
        assert seen + [after.look(one) for one in records[stop:]] == expected


@pytest.mark.parametrize(
    ("method", "optim", "word", "named"),
    [
        (DinoTable(name="dino", teacher_temp=(0.5, 0.5)), OPTIM, "uniform",
         "a lower method.teacher_temp (now [0.5, 0.5]; 0.04)"),
        (DinoTable(name="dino", center_momentum=1.0), OPTIM, "starved",
         "method.center_momentum = 0.9 (now 1)"),
        (SIMCLR, Sgd(name="sgd", lr=50.0), "collapsed", "a lower optim.lr (now 50; usual"),
        (SIMCLR, Sgd(name="sgd", lr=0.1, weight_decay=(1.0, 1.0)), "collapsed",
         "a lower optim.weight_decay (now 1; usual is 1e-4)"),
    ],
)  # fmt: skip
def test_advice_names_keys_and_values(method: Any, optim: Sgd, word: Any, named: str) -> None:
    doctor = Doctor(method, optim)
    doctor.word = word
    assert named in doctor.advice()


# ---- a whole run, with a collapse that is real


HOT = (
    "pretrain.epochs=56", "method.teacher_temp=[5.0, 5.0]", "method.centering=mean",
    "method.spread_weight=0", "optim.warmup_percent=1", "pretrain.monitor_every_percent=50",
)  # fmt: skip


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, GateFailed, Listener]:
    """A run of 112 steps without labels, at a temperature that no teacher survives."""
    place, listener = tmp_path_factory.mktemp("collapse"), Listener()
    write_recipe(place)
    data = write_images(place / "images", labelled=False, count=10)
    wanted = request(place / "tiny.toml", data, place / "run", *HOT)
    with pytest.raises(GateFailed) as failure:
        run_recipe(replace(wanted, stop_on_collapse=True), listener)
    return place, data, failure.value, listener


def _log(place: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (place / "run" / "log.jsonl").read_text().splitlines()]


def test_a_collapse_ends_the_run_with_3_after_saving_if_asked_for(
    stopped: tuple[Path, Path, GateFailed, Listener],
) -> None:
    place, _, failure, listener = stopped
    assert failure.exit_code == 3
    assert str(failure).startswith(
        "pretrain: outputs must differ between images, got 'uniform' at step 101: every output "
        "gives all prototypes equal weight. Try a lower method.teacher_temp (now [5.0, 5.0]; 0.04)"
    )
    assert any(line.startswith("Health at step 101: uniform: ") for line in listener.sentences)
    states = [checkpoint.load(path) for path in (place / "run" / "state").glob("?.pt")]
    assert max(state["step"] for state in states) == 101
    last = [line for line in _log(place) if "health" in line][-1]
    assert (last["step"], last["health"]) == (101, "uniform")
    assert last["target_information"] < 0.05


def test_the_same_command_fails_at_once_and_goes_on_without_the_flag(
    stopped: tuple[Path, Path, GateFailed, Listener],
) -> None:
    place, data, failure, _ = stopped
    wanted = request(place / "tiny.toml", data, place / "run", *HOT)
    listener = Listener()
    with pytest.raises(GateFailed) as again:
        run_recipe(replace(wanted, stop_on_collapse=True), listener)
    assert str(again.value) == str(failure)
    assert "pretrain" not in listener.stages
    report = run_recipe(wanted, listener)
    assert report["health"]["word"] == "uniform"
    assert report["health"]["changes"][-1] == {
        "stage": "pretrain", "step": 101, "word": "uniform",
        "advice": report["health"]["advice"],
    }  # fmt: skip
    page = (place / "run" / "report.html").read_text()
    assert "Health: uniform." in page
    assert "a lower method.teacher_temp" in page
    monitored = [line for line in _log(place) if "alignment" in line]
    assert [line["step"] for line in monitored] == [56, 112]  # without labels
    assert all("knn_top1" not in line for line in monitored)
    assert all({"uniformity", "effective_rank", "retrieval_top1"} <= line.keys()
               for line in monitored)  # fmt: skip
    assert "Spread of projections" in page
    assert "Positive pairs found" in page
