"""The comparison of quality gives all contenders one time, and a schedule that fits into it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

PEERS = Path(__file__).parents[2] / "bench" / "peers"


@pytest.fixture
def budget(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PEERS))
    import budget

    return budget


@pytest.fixture
def contest(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PEERS))
    import quality_contest

    return quality_contest


class Ticking:
    """A clock on which every look at it takes a second."""

    def __init__(self) -> None:
        self.now = -1.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_a_loop_is_stopped_when_its_time_is_over(
    budget: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(budget.CLOCKS, "cpu", Ticking())
    watched = budget.Budget("cpu", 32, 10.0)
    steps = next(number for number in range(1, 100) if watched.after_step())
    assert steps == 9  # the first step is looked at twice: the time of setting up is kept
    spent = watched.spent()
    assert spent.cut
    assert spent.images == 9 * 32


@pytest.mark.parametrize(("batch", "steps"), [(32, 7), (256, 3)])
def test_a_look_at_the_rate_ends_after_a_few_steps(
    budget: ModuleType, batch: int, steps: int
) -> None:
    watched = budget.Budget("wall", batch, None)
    assert next(number for number in range(1, 100) if watched.after_step()) == steps
    assert not watched.spent().cut


def test_we_get_the_whole_epochs_that_fit(contest: ModuleType) -> None:
    look = {"batch": 10, "setup_s": 6.0, "step_s": 1.0}  # 5 s before the first step
    assert contest.epochs_within(1.12 * (5 + 3.5 * 10), look, images=105) == 3


def test_others_get_the_steps_that_fit(contest: ModuleType) -> None:
    look = {"batch": 10, "setup_s": 6.0, "step_s": 1.0}
    assert contest.steps_within(5 + 3.5 * 10, look, images=105) == (4, 35)


def test_a_time_too_short_for_an_epoch_gets_one_that_is_cut_off(contest: ModuleType) -> None:
    look = {"batch": 128, "setup_s": 6.0, "step_s": 9.0}
    assert contest.epochs_within(60.0, look, images=2534) == 1


def test_a_job_arrives_as_it_was_sent(
    contest: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    job = contest.Job(
        tmp_path,
        tmp_path / "out",
        "resnet18",
        "simclr",
        64,
        True,
        3,
        35,
        198.0,
        "cpu",
        0,
        "cpu",
        1,
    )
    from quality_job import read_job

    monkeypatch.setattr("sys.argv", ["program", *contest.arguments(job)])
    assert read_job(None) == job
