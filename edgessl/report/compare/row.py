"""One row of a comparison: a classifier that could be shipped, and all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.metrics.interval import Score
from edgessl.report.compare.several import SeveralAnswers
from edgessl.runs.main_score import DENSE, MAP, TOP1, WORDS
from edgessl.runs.tested_on import ImagesTested

OURS = "ours"
FILE = "file"
"""What ``Row.arm`` says of an exported file."""


@dataclass(frozen=True, slots=True)
class Tests:
    """The images that a row was scored on.

    Attributes:
        data: Short name of the data.
        fingerprint: Of the data, its split into train and test included.
        n: Number of test images.
        classes: Class names, in label order.
        images: Which images they are, in order; None where that is not recorded.
    """

    data: str
    fingerprint: str
    n: int
    classes: tuple[str, ...]
    images: ImagesTested | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """How fast the row's file is.

    Attributes:
        p50_ms: Median of a run at batch 1.
        low_ms: Lower end of its 95 % interval; None if it is not known.
        high_ms: Upper end.
        runtime: ``onnxruntime``, or what ran it instead.
        threads: It ran on so many.
        device: The processor.
        noisy: Whether the machine was too noisy to compare.
        file: The file that was measured.
    """

    p50_ms: float
    low_ms: float | None
    high_ms: float | None
    runtime: str
    threads: int
    device: str
    noisy: bool
    file: str


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A classifier: an arm of a run, or an exported file.

    Attributes:
        name: Tells it from all other rows.
        source: The run folder, or the file.
        arm: ``"ours"``, a baseline's name, or ``"file"``.
        file: What to export or to ship.
        tests: What it was scored on; None without a score.
        score: Top-1 on test, or mean average precision where images may have several labels; AP50
            of a detector, mIoU of a segmenter.
        metric: Which of these: ``top-1``, ``mAP``, ``AP50`` or ``mIoU``.
        features: Scores of frozen features by name: ``knn_top1``, ``linear_top1``, ``linear_map``.
        beside: Other measures of the classifier by name, where there are any: ``top5``,
            ``balanced``.
        right: Which test images it gets right, ``(n,)``; None if that is not recorded.
        confusion: Counts, rows true, columns predicted, ``(K, K)``; None if not recorded.
        known: Differences to other rows that were measured before, by the file of the other:
            this row minus it, ``{value, low, high, n}`` in points.
        params: Parameters: of a run's backbone without its classifier, of a file all.
        macs: Multiply-accumulates of an image, counted likewise.
        size_px: Side of the image.
        size_mb: Of the file.
        precision: Number format of the weights.
        recipe: Name of the recipe; empty if it is not known.
        seed: Of the run.
        epochs: Of fine-tuning.
        seconds: Of training, from pretraining on.
        latency: None if it was not measured.
        log: Lines of the run's ``log.jsonl``.
        several: What it answers where images may have several labels; None if not recorded.
        draws: Its score over test images drawn again and again, the same for all rows; None if not
            recorded.
    """

    name: str
    source: Path
    arm: str
    file: Path
    tests: Tests | None
    score: Score | None
    features: Mapping[str, Score] = field(default_factory=dict)
    beside: Mapping[str, Score] = field(default_factory=dict)
    right: NDArray[np.bool_] | None = None
    confusion: NDArray[np.int64] | None = None
    known: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    params: float | None = None
    macs: float | None = None
    size_px: int | None = None
    size_mb: float | None = None
    precision: str = "fp32"
    recipe: str = ""
    seed: int | None = None
    epochs: float | None = None
    seconds: float | None = None
    latency: Latency | None = None
    log: tuple[dict[str, Any], ...] = ()
    metric: str = WORDS[TOP1]
    several: SeveralAnswers | None = None
    draws: NDArray[np.float64] | None = None

    @property
    def top1(self) -> float:
        """Top-1 or mAP in percent; below every other without a score."""
        return -1.0 if self.score is None else self.score.value

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """The class of each test image, ``(n,)``; None if it is not recorded."""
        images = None if self.tests is None else self.tests.images
        return None if images is None else np.asarray(images.labels, dtype=np.int64)

    def _score_if(self, key: str) -> dict[str, Any] | None:
        return self.score.to_dict() if self.score and self.metric == WORDS[key] else None

    def to_dict(self) -> dict[str, Any]:
        """Return what a program wants to know, as plain values."""
        return {
            "name": self.name, "source": str(self.source), "arm": self.arm, "file": str(self.file),
            "recipe": self.recipe, "seed": self.seed, "precision": self.precision,
            "top1": self._score_if(TOP1),
            **({"map": self._score_if(MAP)} if self.metric == WORDS[MAP] else {}),
            **{key: self._score_if(key) for key in DENSE if self.metric == WORDS[key]},
            **{key: score.to_dict() for key, score in self.beside.items()},
            **{key: score.to_dict() for key, score in self.features.items()},
            "params": self.params, "macs": self.macs, "size_px": self.size_px,
            "size_mb": self.size_mb, "finetune_epochs": self.epochs, "train_s": self.seconds,
            "latency": None if self.latency is None else {
                key: getattr(self.latency, key) for key in Latency.__slots__
            },
        }  # fmt: skip


BESIDE = {"top5": "top-5", "balanced": "balanced"}
"""Measures that may stand beside top-1, with their headings."""


def score_of(found: object) -> Score | None:
    """Return a score as JSON holds it; None if there is none.

    Args:
        found: ``{value, low, high, n}``, or anything else.
    """
    if not isinstance(found, Mapping) or found.get("value") is None or not found.get("n"):
        return None
    value = float(found["value"])
    low, high = float(found.get("low", value)), float(found.get("high", value))
    return Score(value, low, high, int(found["n"]))
