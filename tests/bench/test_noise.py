"""A measurement is graded by its control, drift and spread, and by what else the machine did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_model import write_device, write_model

from edgessl.bench.compare.judged import judged
from edgessl.bench.compare.noise import Noise, drift_percent, grade_noise, spread_percent
from edgessl.bench.compare.ratio import Ratio, Samples
from edgessl.bench.measure import in_turns
from edgessl.bench.measure.device import read_device
from edgessl.bench.measure.in_turns import ProcessorTime, _summed, foreign, measure_with_control

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


@pytest.mark.parametrize(("high", "grade"), [(1.04, "A"), (1.06, "B"), (1.2, "C")])
def test_a_model_that_differs_from_itself_lowers_the_grade(high: float, grade: str) -> None:
    assert graded(control=Ratio(1.01, 1.0, high)).grade == grade


def test_a_control_of_too_few_launches_for_an_interval_keeps_from_an_a() -> None:
    for ratio, grade in ((1.0, "B"), (1.11, "B"), (1.13, "C")):
        assert graded(control=Ratio(ratio, None, None)).grade == grade


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
    before, after = ProcessorTime(2, 10, 1, 100), ProcessorTime(2, 25, 2, 120)
    assert foreign(before, after, wall_s=10, own_s=10) == pytest.approx((0.5, 5.0))
    assert foreign(None, after, wall_s=10, own_s=10) == (None, None)


def test_a_system_that_does_not_count_says_nothing_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_turns, "_STAT", tmp_path / "none")
    device = read_device(str(write_device(tmp_path / "quick.toml", runs=5)))
    found = measure_with_control([write_model(tmp_path / "m.onnx")], device, threads=1, batch=1)
    assert (found.noise.foreign_cores, found.noise.steal_percent) == (None, None)


STAT = """cpu  600 0 100 2000 100 0 0 10 0 0
cpu0 100 0 50 500 50 0 0 10 0 0
cpu1 0 0 0 700 0 0 0 0 0 0
cpu2 500 0 50 800 50 0 0 0 0 0
intr 1 2 3
"""


def test_only_cores_that_may_be_used_are_looked_at() -> None:
    assert _summed(STAT, {0, 1}, 100) == ProcessorTime(2, 1.5, 0.1, 14.1)
    assert _summed(STAT, {2}, 100) == ProcessorTime(1, 5.5, 0.0, 14.0)
    # Some containers number their cores anew.
    assert _summed(STAT, {8, 9}, 100) == ProcessorTime(3, 7.0, 0.1, 28.1)
    assert _summed("cpu 1 2 3\n", {0}, 100) is None


def test_others_on_a_large_host_take_nothing_from_a_container_of_two_cores() -> None:
    """A quota of 2 on 64 cores: 30 busy ones elsewhere leave enough."""
    for busy, reasons in ((30.0, ()), (63.5, ("other processes kept 63.5 of 64 core(s) busy",))):
        noise = grade_noise([QUIET], SAME, threads=2, cores=64, foreign_cores=busy,
                            steal_percent=0.0)  # fmt: skip
        assert noise.reasons == reasons


def test_a_bundle_s_document_is_judged_by_the_cores_of_its_host() -> None:
    document = {
        "device": {"cpu": "x", "cores": 64, "cores_usable": 2},
        "models": [{"path": "m.onnx", "name": "m.onnx", "threads": 2, "batch": 1,
                    "p50_ms": 4.0, "samples_ms": QUIET}],
        "conditions": [{"threads": 2, "batch": 1, "noise": {
            "control_samples_ms": QUIET, "foreign_cores": 30.0, "steal_percent": 0.0}}],
    }  # fmt: skip
    (cell,) = judged(document)["conditions"]
    assert not any("other processes" in reason for reason in cell["noise"]["reasons"])
