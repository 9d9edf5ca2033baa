"""How far the numbers of one measurement can be trusted: a grade, and the reasons for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from edgessl.bench.compare.ratio import Ratio, Samples

Grade = Literal["A", "B", "C"]

# None of these is tuned: A is a quiet machine, C one on which rankings may turn over.
CONTROL_PERCENT = (5.0, 12.0)  # processes that differ by 1, 3 and 5 % give mostly A, B, and B or C
SPREAD_PERCENT = (15.0, 50.0)
DRIFT_PERCENT = (5.0, 15.0)
LAUNCH_PERCENT = (10.0, 25.0)
STEAL_PERCENT = (2.0, 10.0)

DO_NOT_COMPARE = "do not compare these numbers; measure again on a quiet machine"


@dataclass(frozen=True, slots=True)
class Noise:
    """The grade of one measurement.

    Attributes:
        grade: ``"A"`` quiet, ``"B"`` usable with its intervals, ``"C"`` do not compare.
        reasons: What kept it from an A; empty for an A.
        control: One model against itself, in another process; None if it was not measured.
        drift_percent: Change of the median from the first to the last third, the largest of any
            model.
        spread_percent: Middle half of the runs as a share of the median, the largest of any model.
        foreign_cores: Cores that other processes kept busy; None where the system does not say.
        steal_percent: Time that the hypervisor gave to others; None likewise.
    """

    grade: Grade
    reasons: tuple[str, ...]
    control: Ratio | None
    drift_percent: float
    spread_percent: float
    foreign_cores: float | None
    steal_percent: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        control = None if self.control is None else self.control.to_dict()
        return {**asdict(self), "reasons": list(self.reasons), "control": control}


def grade_noise(
    models: Sequence[Samples],
    control: Ratio | None,
    *,
    threads: int,
    cores: int,
    foreign_cores: float | None,
    steal_percent: float | None,
) -> Noise:
    """Grade one measurement.

    Args:
        models: Runs of each model.
        control: One of them against itself.
        threads: Threads of a model.
        cores: Cores among which the others were counted.
        foreign_cores: How many of these other processes kept busy meanwhile.
        steal_percent: Share of the time that the hypervisor gave to others.
    """
    drift = max(drift_percent(samples) for samples in models)
    spread = max(spread_percent(samples) for samples in models)
    apart = max(launch_percent(samples) for samples in models)
    judged = [
        (_level(spread, SPREAD_PERCENT), f"the middle half of the runs spreads by {spread:.0f} %"),
        (_level(drift, DRIFT_PERCENT), f"the median moved by {drift:.0f} % while it was measured"),
        (_level(apart, LAUNCH_PERCENT), f"fresh processes of a model differ by {apart:.0f} %"),
    ]
    if control is None:
        judged.append((1, "no control was measured"))
    else:
        off = control.farthest_percent
        known = control.low is not None
        rest = f"up to {off:.1f} %" if known else "too few launches to tell what it may be"
        what = f"the same model twice: {100 * (control.ratio - 1):+.1f} %, {rest}"
        judged.append((max(int(not known), _level(off, CONTROL_PERCENT)), what))
    if foreign_cores is not None and threads + foreign_cores > cores + 0.25:
        judged.append((1, f"other processes kept {foreign_cores:.1f} of {cores} core(s) busy"))
    if steal_percent is not None:
        what = f"the hypervisor took {steal_percent:.0f} % of the time"
        judged.append((_level(steal_percent, STEAL_PERCENT), what))
    grades: tuple[Grade, ...] = ("A", "B", "C")
    worst = max(level for level, _ in judged)
    return Noise(
        grade=grades[worst],
        reasons=tuple(reason for level, reason in judged if level),
        control=control, drift_percent=drift, spread_percent=spread,
        foreign_cores=foreign_cores, steal_percent=steal_percent,
    )  # fmt: skip


def drift_percent(samples: Samples) -> float:
    """Return how far the median of the last third of each launch is from that of the first.

    Args:
        samples: Runs of a model.

    Returns:
        The median over the launches of its absolute value, in percent: a launch that went through
        a short disturbance is no drift.
    """
    moved = []
    for launch in samples:
        third = max(1, len(launch) // 3)
        first = float(np.median(np.concatenate([np.asarray(turn) for turn in launch[:third]])))
        last = float(np.median(np.concatenate([np.asarray(turn) for turn in launch[-third:]])))
        moved.append(abs(last / first - 1))
    return 100 * float(np.median(moved))


def spread_percent(samples: Samples) -> float:
    """Return the middle half of the runs as a share of their median, in percent."""
    runs = [run for launch in samples for turn in launch for run in turn]
    p25, p50, p75 = np.percentile(runs, (25, 50, 75))
    return float(100 * (p75 - p25) / p50)


def launch_percent(samples: Samples) -> float:
    """Return by how much the slowest launch's median is above the fastest's, in percent."""
    medians = [float(np.median(np.concatenate([np.asarray(turn) for turn in launch])))
               for launch in samples]  # fmt: skip
    return 100 * (max(medians) / min(medians) - 1)


def _level(value: float, limits: tuple[float, float]) -> int:
    return int(value > limits[0]) + int(value > limits[1])
