"""Two models are called different where the runs show it, and not where noise could explain it."""

from __future__ import annotations

from math import gamma

import numpy as np
import pytest

from edgessl.bench.compare.ratio import (
    Mean,
    Ratio,
    Samples,
    log_mean,
    ratio_of_sessions,
    ratio_of_turns,
)
from edgessl.bench.measure.in_turns import start_order

LAUNCHES, TURNS, RUNS = 6, 40, 5


def session(
    slowdowns: list[float], seed: int, processes: float = 0.005, first: float = 0.0
) -> list[Samples]:
    """Runs of models that share a machine: it wanders by 5 %, and now and then disturbs one.

    The process that a launch starts first is slower than the last one by ``first``.
    """
    generator = np.random.default_rng(seed)
    models: list[list[list[list[float]]]] = [[] for _ in slowdowns]
    for launch in range(LAUNCHES):
        places = np.argsort(start_order(len(slowdowns), launch)) / (len(slowdowns) - 1)
        wander = np.cumsum(generator.normal(0, 0.05 / np.sqrt(TURNS), TURNS))
        for model, slowdown, place in zip(models, slowdowns, places, strict=True):
            # A process differs from the next.
            layout = generator.normal(0, processes) - first * place
            disturbed = (generator.random(TURNS) < 0.05) * generator.random(TURNS)
            noise = generator.normal(0, 0.03, (TURNS, RUNS))
            log_ms = (layout + wander + disturbed)[:, None] + noise
            model.append((4 * slowdown * np.exp(log_ms)).tolist())
    return list(models)


def compared(slowdown: float, seed: int, first: float = 0.0) -> Ratio:
    base, model, again = session([1.0, slowdown, 1.0], seed, first=first)
    return ratio_of_turns(model, base).widened(ratio_of_turns(again, base).ratio)


def test_a_model_beside_itself_is_within_two_percent_and_rarely_called_different() -> None:
    ratios = [compared(1.0, seed) for seed in range(10)]
    assert max(abs(ratio.ratio - 1) for ratio in ratios) < 0.02
    assert sum(ratio.verdict != "no difference shown" for ratio in ratios) <= 2


def test_a_slowdown_of_ten_percent_is_always_found() -> None:
    ratios = [compared(1.1, seed) for seed in range(10)]
    assert all(ratio.verdict == "slower" for ratio in ratios)
    assert [ratio.ratio for ratio in ratios] == pytest.approx([1.1] * 10, rel=0.02)


def test_the_order_in_which_processes_start_cancels_out() -> None:
    same = [compared(1.0, seed, first=0.2) for seed in range(10)]
    assert max(abs(ratio.ratio - 1) for ratio in same) < 0.02
    assert sum(ratio.verdict != "no difference shown" for ratio in same) <= 2
    assert all(compared(1.1, seed, first=0.2).verdict == "slower" for seed in range(10))


def test_launches_start_their_processes_forwards_and_backwards() -> None:
    assert [start_order(3, launch) for launch in range(3)] == [[0, 1, 2], [2, 1, 0], [0, 1, 2]]


def test_a_slowdown_below_the_noise_is_never_called_faster_and_often_left_open() -> None:
    verdicts = [compared(1.003, seed).verdict for seed in range(10)]
    assert "faster" not in verdicts
    assert verdicts.count("no difference shown") >= 4


def test_taking_turns_cancels_what_hits_both() -> None:
    drift = np.linspace(1, 2, LAUNCHES * TURNS).reshape(LAUNCHES, TURNS, 1) * np.ones(RUNS)
    base, model = drift.tolist(), (1.2 * drift).tolist()
    ratio = ratio_of_turns(model, base)
    assert (ratio.ratio, ratio.low, ratio.high) == pytest.approx((1.2, 1.2, 1.2))
    apart = ratio_of_sessions(model, base)
    assert apart.low is not None
    assert apart.low < 1 < 1.2 < (apart.high or 0)


def test_the_other_way_round_gives_the_inverse() -> None:
    base, model = session([1.0, 1.3], seed=3)
    there, back = ratio_of_turns(model, base), ratio_of_turns(base, model)
    assert there.ratio * back.ratio == pytest.approx(1)
    assert (there.verdict, back.verdict) == ("slower", "faster")


def test_a_control_that_is_off_widens_the_interval_by_as_much() -> None:
    widened = Ratio(1.03, 1.01, 1.05).widened(1 / 1.02)
    assert (widened.low, widened.high) == pytest.approx((1.01 / 1.02, 1.05 * 1.02))
    assert widened.verdict == "no difference shown"


def test_two_launches_are_too_few_for_an_interval_however_many_their_runs() -> None:
    two = [[[1.0] * RUNS] * 1000] * 2
    assert ratio_of_turns(two, two).verdict == "too few launches"
    assert ratio_of_sessions(two, two).low is None
    three = two + two[:1]
    assert ratio_of_turns(three, three).verdict == "no difference shown"


def test_launches_that_differ_leave_more_open_than_their_runs_do() -> None:
    generator = np.random.default_rng(0)
    same = [(4 + generator.normal(0, 0.05, (TURNS, RUNS))).tolist() for _ in range(LAUNCHES)]
    apart = [(np.asarray(own) * (1 + 0.05 * launch)).tolist() for launch, own in enumerate(same)]
    widths = [log_mean(runs).half_width for runs in (same, apart)]
    assert widths[0] is not None
    assert widths[1] is not None
    assert widths[1] > 3 * widths[0]


@pytest.mark.parametrize("launches", [3, 4, 6, 10])
def test_an_interval_holds_the_truth_nineteen_times_of_twenty(launches: int) -> None:
    """Processes differ by 3 %, and the place in the order by 10 % where it can cancel out."""
    generator, held = np.random.default_rng(launches), 0
    place = np.where(np.arange(launches) % 2, 0.05, -0.05) * (launches % 2 == 0)
    for _ in range(1000):
        processes = generator.normal(0, 0.03, launches) + place
        mean = Mean.of((processes[:, None] + generator.normal(0, 0.02, (launches, 5))).tolist())
        assert mean.half_width is not None
        held += abs(mean.value) <= mean.half_width
    assert 0.93 <= held / 1000 <= 0.97


def test_six_launches_find_ten_percent_though_processes_differ_by_three() -> None:
    ratios = []
    for seed in range(20):
        base, model, again = session([1.0, 1.1, 1.0], seed, processes=0.03)
        ratios.append(ratio_of_turns(model, base).widened(ratio_of_turns(again, base).ratio))
    assert sum(ratio.verdict == "slower" for ratio in ratios) >= 16


def test_the_difference_of_two_sessions_has_welch_s_freedom() -> None:
    alike = Mean(1.0, 0.01, 4).minus(Mean(0.5, 0.01, 4))
    assert (alike.value, alike.variance, alike.freedom) == pytest.approx((0.5, 0.02, 8))
    assert Mean(1.0, 0.01, 2).minus(Mean(0.5, 1e-12, 4)).freedom == pytest.approx(2)
    assert Mean(1.0, 0.01, 2).minus(Mean(0.5, None, 0)).half_width is None


def test_the_interval_is_student_s() -> None:
    """The density, integrated to each number, gives 0.975, for a variance of one."""
    for freedom in (2, 2.5, 4, 9, 30):
        limit = Mean(0.0, 1.0, freedom).half_width
        assert limit is not None
        x = np.linspace(0, limit, 2001)
        density = (1 + x**2 / freedom) ** (-(freedom + 1) / 2)
        scale = gamma((freedom + 1) / 2) / (np.sqrt(freedom * np.pi) * gamma(freedom / 2))
        below = 0.5 + scale * float(np.sum((density[1:] + density[:-1]) / 2) * x[1])
        assert below == pytest.approx(0.975, abs=3e-5), freedom  # three decimals
