"""Tries int8 schemes, and keeps the most accurate, then the fastest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.export.int8.judge import Judge, lost_percent, open_model
from edgessl.export.int8.quantise import quantise
from edgessl.export.int8.ranges import RANGE_RULES, Extremes
from edgessl.export.int8.scheme import Activations, Scheme, float_products, products, schemes
from edgessl.export.int8.sensitivity import rank_by_error


@dataclass(frozen=True, slots=True)
class Timed:
    """The latency of a model that was measured in turns with another one.

    Attributes:
        ms: Its median.
        speedup: The other's latency over its own: how many times as fast it is.
        low: Lower end of the 95 % interval of that; None where there were too few turns.
        high: Upper end.
    """

    ms: float
    speedup: float
    low: float | None
    high: float | None


Time = Callable[[Sequence[Any]], list[Timed]]
"""Models to their latencies on one image, each compared with the first one's."""


EXCLUSION_SECONDS = 120.0
"""Time for finding sensitive nodes and leaving them in float, where the schemes lose too much."""
SENSITIVITY_IMAGES = 8


@dataclass(frozen=True)
class Tried:
    """One candidate.

    Attributes:
        scheme: How it is quantised.
        model: The ``onnx.ModelProto``.
        marks: Of every image, ``(N,)``.
        lost_percent: Points it loses against fp32.
        lost_error: The standard error of that.
    """

    scheme: Scheme
    model: Any
    marks: NDArray[np.float64]
    lost_percent: float
    lost_error: float


@dataclass(frozen=True)
class Found:
    """The candidate that was kept, and what was tried.

    Attributes:
        best: The one that was kept.
        tried: Every candidate, in the order tried.
        fp32_ms: Median latency of the fp32 model; None where nothing was timed.
        timed: The one that was kept, beside fp32.
    """

    best: Tried
    tried: tuple[Tried, ...]
    fp32_ms: float | None
    timed: Timed | None

    def provenance(self, prepared: Any) -> dict[str, Any]:
        """Return the choice as plain values.

        Args:
            prepared: The float graph that it was made from.
        """
        return {
            "scheme": self.best.scheme.name,
            "activations": self.best.scheme.activations,
            "left_in_float": list(float_products(prepared, self.best.scheme)),
            "tried": [
                {"scheme": one.scheme.name, "lost_percent": round(one.lost_percent, 3)}
                for one in self.tried
            ],
        }


def search(
    core: Any, prepared: Any, extremes: Extremes, images: NDArray[np.float32], judge: Judge, *,
    activations: Activations, max_drop_percent: float, time: Time | None,
    exclusion_s: float = EXCLUSION_SECONDS, say: Callable[[str], None] = lambda _line: None,
) -> Found:
    """Choose how to quantise a network.

    All schemes are scored. Where the best one loses too much, ranges that clip outliers are tried,
    and then sensitive nodes are left in float. Schemes that are as accurate as the best one within
    the error of their paired difference are timed, and the fastest is kept.

    Args:
        core: The fp32 model, to be timed against.
        prepared: What ``prepare`` made of it.
        extremes: Of the activations on the calibration images.
        images: Normalised calibration images for finding sensitive nodes, ``(B, 3, H, W)``.
        judge: Scores candidates.
        activations: Number format of the target.
        max_drop_percent: Points that may be lost.
        time: Times models on this machine; None where that says nothing about the target.
        exclusion_s: Seconds for finding sensitive nodes.
        say: Called with the name of each step.
    """
    reference = judge.marks(judge.expected)
    tried: list[Tried] = []
    seen: set[str] = set()

    def attempt(scheme: Scheme) -> None:
        model = quantise(prepared, scheme, RANGE_RULES[scheme.range_rule](extremes))
        content = sha256(model.SerializeToString(deterministic=True)).hexdigest()
        if content in seen:  # a network of products alone has no other operators to leave out
            return
        seen.add(content)
        say(f"int8: scoring {scheme.name}")
        marks = judge.marks(judge.run(open_model(model)))
        tried.append(Tried(scheme, model, marks, *lost_percent(reference, marks)))

    def passes() -> bool:
        return _best(tried).lost_percent <= max_drop_percent

    for rule in RANGE_RULES:
        if not tried or not passes():
            for scheme in schemes(activations, rule):
                attempt(scheme)
    if not passes():
        say("int8: looking for sensitive nodes")
        _leave_in_float(prepared, extremes, images, _best(tried).scheme, attempt, passes,
                        monotonic() + exclusion_s)  # fmt: skip
    return _fastest(core, tried, max_drop_percent, time)


def _leave_in_float(
    prepared: Any, extremes: Extremes, images: NDArray[np.float32], scheme: Scheme,
    attempt: Callable[[Scheme], None], passes: Callable[[], bool], deadline: float,
) -> None:
    """Leave 1, 2, 4, ... of the worst nodes in float, until it passes or time is over."""
    half = (deadline + monotonic()) / 2  # the other half is for scoring
    ranges = RANGE_RULES[scheme.range_rule](extremes)
    ranked = rank_by_error(prepared, scheme, ranges, images, lambda: monotonic() < half)
    limit = len(products(prepared)) - len(float_products(prepared, scheme))
    count = 1
    while count <= min(len(ranked), limit // 2) and monotonic() < deadline and not passes():
        attempt(replace(scheme, floats=tuple(name for name, _ in ranked[:count])))
        count *= 2


def _best(tried: Sequence[Tried]) -> Tried:
    return min(tried, key=lambda one: one.lost_percent)  # the first of equals


def _fastest(
    core: Any, tried: list[Tried], max_drop_percent: float, time: Time | None
) -> Found:
    best = _best(tried)
    if time is None:
        return Found(best, tuple(tried), None, None)
    limit = max(max_drop_percent, best.lost_percent)
    equals = [one for one in tried if _as_good(one, best) and one.lost_percent <= limit]
    fp32, *timed = time([core, *(one.model for one in equals)])
    chosen = int(np.argmax([one.speedup for one in timed]))
    return Found(equals[chosen], tuple(tried), fp32.ms, timed[chosen])


def _as_good(one: Tried, best: Tried) -> bool:
    """Whether a candidate's paired difference from the best is within its standard error."""
    lost, error = lost_percent(best.marks, one.marks)
    return lost <= error
