"""Tries int8 schemes on ``val``, and keeps the most accurate, then the one with least in float."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import sqrt
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact.session import open_session
from edgessl.data.tagged import TagTable
from edgessl.export.int8.quantise import Activations, Scheme, float_products, quantise, schemes
from edgessl.export.int8.ranges import RANGE_RULES, Extremes


def open_model(model: Any) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Open a model that has one input and one output.

    Args:
        model: An ``onnx.ModelProto``.

    Returns:
        Normalised images ``(B, 3, H, W)`` to the output ``(B, K)``.
    """
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(model, str(path))
        session = open_session(path)
    name = session.get_inputs()[0].name

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        output: NDArray[np.float32] = session.run(None, {name: images})[0]
        return output

    return run


INTERVAL = 1.96
"""Standard errors to either side of a 95 % interval."""

Images = NDArray[np.float32]
Run = Callable[[Images], NDArray[np.float32]]
Rule = Literal["top-1", "labels", "agreement", "cosine"]
CHUNK = 32  # images run at a time, which bounds memory


@dataclass(frozen=True)
class Judge:
    """Marks every image from 0 to 1.

    Attributes:
        rule: ``"top-1"``: the answer is right; ``"labels"``: the share of an image's classes that
            are decided right; ``"agreement"``: the answer, or that share, is the fp32 file's;
            ``"cosine"``: between the output and the fp32 file's, for features.
        pixels: ``(N, 3, H, W)`` uint8.
        labels: Classes, ``(N,)``, for ``"top-1"``.
        normalise: Pixels to what the network takes.
        expected: The fp32 file's outputs, ``(N, K)``.
        where: The images in words.
        levels: Output from which on each class counts as shown, ``(K,)``, where an image may show
            several; none otherwise.
        several: Which classes the images show, for ``"labels"``.
    """

    rule: Rule
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    normalise: Callable[[NDArray[np.uint8]], Images]
    expected: NDArray[np.float32]
    where: str
    levels: tuple[float, ...] = ()
    several: TagTable | None = None

    @property
    def what(self) -> str:
        """What a mark means, in words."""
        return f"{self.rule} on {len(self.pixels)} {self.where}"

    def marks(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Mark outputs ``(N, K)``; ``(N,)``."""
        if self.rule == "cosine":
            product = (outputs * self.expected).sum(axis=1)
            lengths = np.linalg.norm(outputs, axis=1) * np.linalg.norm(self.expected, axis=1)
            return np.asarray(product / np.maximum(lengths, 1e-12), np.float64)
        if self.levels:
            return self._decided(outputs)
        wanted = self.labels if self.rule == "top-1" else self.expected.argmax(axis=1)
        return np.asarray(outputs.argmax(axis=1) == wanted, np.float64)

    def _decided(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Mark the share of decisions that are right; difficult classes do not count, ``(N,)``."""
        levels = np.asarray(self.levels)
        right = (outputs >= levels) == (self.expected >= levels)  # (N, K)
        counts = np.ones_like(right)
        if self.several is not None:
            right = (outputs >= levels) == self.several.shown
            counts = ~self.several.difficult
        shares: NDArray[np.float64] = (right & counts).sum(axis=1) / np.maximum(
            counts.sum(axis=1), 1
        )
        return shares

    def run(self, run: Run) -> NDArray[np.float32]:
        """Run a network on all images; ``(N, K)``."""
        return np.concatenate([run(batch) for batch in batches(self.pixels, self.normalise)])


def batches(
    pixels: NDArray[np.uint8], normalise: Callable[[NDArray[np.uint8]], Images]
) -> Iterator[Images]:
    """Normalise stored pixels a few images at a time.

    Args:
        pixels: ``(N, 3, H, W)`` uint8.
        normalise: Pixels to what the network takes.
    """
    for start in range(0, len(pixels), CHUNK):
        yield normalise(pixels[start : start + CHUNK])


def lost_percent(
    reference: NDArray[np.float64], marks: NDArray[np.float64]
) -> tuple[float, float]:
    """Compare two sets of marks of the same images.

    Args:
        reference: Marks to be reached, ``(N,)``.
        marks: Marks, ``(N,)``.

    Returns:
        Points lost, in percent, and the standard error of that.
    """
    differences = 100.0 * (reference - marks)
    error = float(differences.std(ddof=1)) / sqrt(len(differences)) if len(differences) > 1 else 0.0
    return float(differences.mean()), error


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
    core: Any, prepared: Any, extremes: Extremes, judge: Judge, *, activations: Activations,
    max_drop_percent: float, time: Time | None, say: Callable[[str], None] = lambda _line: None,
) -> Found:
    """Choose how to quantise a network.

    All schemes are scored. Where the best one loses too much, ranges that clip outliers are tried.
    Of the schemes that are as accurate as the best one, within the 95 % interval of their paired
    difference, the one that leaves least in float is kept, and the first of equals in the order of
    ``schemes``. What is measured on a busy machine decides nothing, so that two exports of one
    checkpoint agree; the one that is kept is timed for those who use it.

    Args:
        core: The fp32 model, to be timed against.
        prepared: What ``prepare`` made of it.
        extremes: Of the activations on the calibration images.
        judge: Scores candidates.
        activations: Number format of the target.
        max_drop_percent: Points that may be lost.
        time: Times models on this machine; None where that says nothing about the target.
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

    for rule in RANGE_RULES:
        if not tried or _best(tried).lost_percent > max_drop_percent:
            for scheme in schemes(activations, rule):
                attempt(scheme)
    kept = choose(prepared, tried, max_drop_percent)
    if time is None:
        return Found(kept, tuple(tried), None, None)
    fp32, timed = time([core, kept.model])
    return Found(kept, tuple(tried), fp32.ms, timed)


def _best(tried: Sequence[Tried]) -> Tried:
    return min(tried, key=lambda one: one.lost_percent)  # the first of equals


def choose(prepared: Any, tried: Sequence[Tried], max_drop_percent: float) -> Tried:
    """Choose among candidates, by nothing that differs from one time to another.

    Args:
        prepared: The float graph that they were made from.
        tried: The candidates in the order tried, at least one.
        max_drop_percent: Points that may be lost.
    """
    best = _best(tried)
    limit = max(max_drop_percent, best.lost_percent)
    equals = [one for one in tried if _as_good(one, best) and one.lost_percent <= limit]
    return min(equals, key=lambda one: len(float_products(prepared, one.scheme)))


def _as_good(one: Tried, best: Tried) -> bool:
    """Whether the 95 % interval of a candidate's paired difference from the best holds 0."""
    lost, error = lost_percent(best.marks, one.marks)
    return lost <= INTERVAL * error
