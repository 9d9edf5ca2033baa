"""Other processes on the cores of a run are seen, and what helps is said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgessl.bench.measure.in_turns import ProcessorTime
from edgessl.pipeline.score.neighbours import about_neighbours, busy_cores


def _reads(*busy_s: float) -> Iterator[ProcessorTime]:
    for number, busy in enumerate(busy_s):
        yield ProcessorTime(cores=2, busy_s=busy, steal_s=0.0, total_s=100.0 + 2.0 * number)


def test_what_others_compute_meanwhile_is_counted_in_cores() -> None:
    reads = _reads(10.0, 11.0)
    assert busy_cores(lambda: next(reads), lambda _seconds: None) == pytest.approx(1.0)


def test_time_that_the_hypervisor_takes_counts_too() -> None:
    reads = iter([ProcessorTime(2, 10.0, 0.0, 100.0), ProcessorTime(2, 10.5, 0.5, 102.0)])
    assert busy_cores(lambda: next(reads), lambda _seconds: None) == pytest.approx(1.0)


def test_a_system_without_counters_tells_nothing() -> None:
    assert busy_cores(lambda: None) == 0.0


def test_the_threads_that_fit_beside_others_are_named() -> None:
    told = about_neighbours(2, 1.0)
    assert "use 1.0 of the 2 cores" in told
    assert "OMP_NUM_THREADS=1 " in told
    assert "OMP_NUM_THREADS=6 " in about_neighbours(8, 2.1)


@pytest.mark.parametrize(("threads", "busy"), [(1, 1.0), (2, 0.0), (2, 0.4), (64, 0.4)])
def test_what_would_not_help_is_not_said(threads: int, busy: float) -> None:
    assert about_neighbours(threads, busy) == ""
