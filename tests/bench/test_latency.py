"""Percentiles are given only where there are enough runs, and warm-up ends when it is over."""

from __future__ import annotations

import numpy as np
import pytest

from edgessl.bench.compare.latency import Latency, is_stable


@pytest.mark.parametrize(
    ("runs", "p90", "p99"), [(99, False, False), (100, True, False), (300, True, True)]
)
def test_a_percentile_needs_enough_runs(runs: int, p90: bool, p99: bool) -> None:
    latency = Latency.from_turns([[[1.0] * runs]], batch=1)
    assert (latency.p90_ms is not None, latency.p99_ms is not None) == (p90, p99)
    assert latency.p50_ms == 1.0


def test_percentiles_of_one_to_three_hundred() -> None:
    latency = Latency.from_turns([[[float(i) for i in range(1, 302)]]], batch=1)
    assert (latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.min_ms) == (151, 271, 298, 1)


def test_throughput_counts_images_and_not_runs() -> None:
    assert Latency.from_turns([[[10.0] * 4]], batch=8).images_per_s == pytest.approx(800)


def test_warm_up_is_over_when_two_windows_agree() -> None:
    assert not is_stable([1.0] * 19)
    assert is_stable([1.0] * 20)
    assert not is_stable([2.0] * 10 + [1.0] * 10)
    assert is_stable([9.0] * 30 + [1.0] * 20)


def test_a_median_has_an_interval_that_holds_it_from_three_launches_on() -> None:
    turns = [[[level + run / 100 for run in range(5)]] * 10 for level in (4.0, 4.2, 4.3)]
    assert Latency.from_turns(turns[:2], batch=1).p50_low_ms is None
    latency = Latency.from_turns(turns, batch=1)
    assert latency.p50_low_ms is not None
    assert latency.p50_high_ms is not None
    assert latency.p50_low_ms <= latency.p50_ms <= latency.p50_high_ms


def test_the_interval_of_six_launches_holds_the_median_nineteen_times_of_twenty() -> None:
    generator, held = np.random.default_rng(0), 0
    for _ in range(300):
        processes = generator.normal(0, 0.03, (6, 1, 1))
        runs = 4 * np.exp(processes + generator.normal(0, 0.02, (6, 12, 5)))
        latency = Latency.from_turns(runs.tolist(), batch=1)
        assert latency.p50_low_ms is not None
        assert latency.p50_high_ms is not None
        held += latency.p50_low_ms <= 4 <= latency.p50_high_ms
    assert 0.92 <= held / 300 <= 0.98
