"""A measurement is graded by its control, drift and spread, and by what else the machine did."""

from __future__ import annotations

import numpy as np
import pytest

from edgessl.bench.noise import Noise, drift_percent, grade_noise, spread_percent
from edgessl.bench.processor_time import ProcessorTime, foreign
from edgessl.bench.ratio import Ratio, Samples

QUIET: Samples = [np.random.default_rng(0).normal(4, 0.02, (30, 5)).tolist()]
SAME = Ratio(1.001, 0.998, 1.004)


def graded(
    samples: Samples = QUIET, control: Ratio | None = SAME, foreign_cores: float = 0.0,
    steal_percent: float = 0.0,
) -> Noise:  # fmt: skip
    return grade_noise([samples], control, threads=1, cores=2, foreign_cores=foreign_cores,
                       steal_percent=steal_percent)  # fmt: skip


def test_a_quiet_machine_is_an_a_without_reasons() -> None:
    noise = graded()
    assert (noise.grade, noise.reasons) == ("A", ())


@pytest.mark.parametrize(("high", "grade"), [(1.02, "A"), (1.05, "B"), (1.2, "C")])
def test_a_model_that_differs_from_itself_lowers_the_grade(high: float, grade: str) -> None:
    assert graded(control=Ratio(1.01, 1.0, high)).grade == grade


def test_without_enough_runs_for_a_control_nothing_is_comparable() -> None:
    assert graded(control=Ratio(1.0, None, None)).grade == "C"


def test_drift_and_spread_are_named() -> None:
    warming = [np.linspace(4, 5, 150).reshape(30, 5).tolist()]
    assert drift_percent(warming) == pytest.approx(100 * (4.83 / 4.17 - 1), abs=1)
    noise = graded(samples=warming)
    assert noise.grade == "C"
    assert "moved by 16 %" in noise.reasons[0]
    assert spread_percent([[[1.0, 2.0, 3.0]]]) == pytest.approx(50)


def test_a_short_disturbance_of_one_launch_is_no_drift() -> None:
    disturbed = [[8.0] * 5] * 10 + [[4.0] * 5] * 20
    assert drift_percent([[[4.0] * 5] * 30, disturbed, [[4.0] * 5] * 30]) == 0


def test_launches_that_disagree_lower_the_grade() -> None:
    for slower, grade in ((1.05, "A"), (1.15, "B"), (1.4, "C")):
        again = [[[slower * run for run in turn] for turn in launch] for launch in QUIET]
        assert graded(samples=[*QUIET, *QUIET, *again]).grade == grade


def test_a_full_machine_or_a_greedy_hypervisor_is_no_a() -> None:
    assert graded(foreign_cores=1.0).grade == "A"  # there is a core for each
    assert graded(foreign_cores=1.6).reasons == ("other processes kept 1.6 of 2 core(s) busy",)
    assert graded(steal_percent=20).grade == "C"


def test_what_others_took_is_what_is_left_of_the_busy_time() -> None:
    before, after = ProcessorTime(10, 1, 100), ProcessorTime(25, 2, 120)
    assert foreign(before, after, wall_s=10, own_s=10) == pytest.approx((0.5, 5.0))
    assert foreign(None, after, wall_s=10, own_s=10) == (None, None)
