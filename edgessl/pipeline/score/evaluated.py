"""What ``edgessl eval`` finds of one label an image: a score, and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from edgessl.data.dataset import Dataset
from edgessl.data.divide import without_val
from edgessl.evaluate.protocols import PROTOCOLS, Evaluation
from edgessl.metrics.balanced import balanced_accuracy
from edgessl.metrics.class_counts import ClassCounts
from edgessl.metrics.interval import Score
from edgessl.metrics.majority import Majority, against_majority, majority_of
from edgessl.pipeline.score.certainty import Certainty
from edgessl.pipeline.score.scored_images import ScoredImages


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The outcome of one ``edgessl eval``.

    Attributes:
        model: The file that was scored.
        protocol: A key of ``PROTOCOLS``.
        images: Which images were scored.
        evaluation: Score and predictions on its test split; predictions index ``classes``.
        classes: Class names: the data's, or the classifier's for ``top1``.
        confusion: ``(K, K)`` counts: rows are true classes, columns predicted ones.
        weights: Where general weights come from, as plain values; empty for others.
        told: What is told of them.
        certainty: Whether its probabilities are right; None for a protocol without any.
    """

    model: Path
    protocol: str
    images: ScoredImages
    evaluation: Evaluation
    classes: tuple[str, ...]
    confusion: list[list[int]]
    weights: Mapping[str, Any] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    certainty: Certainty | None = None

    @property
    def score(self) -> Score:
        """What it reached."""
        return self.evaluation.score

    @property
    def balanced(self) -> Score:
        """Mean recall of the classes of the images scored, each counting alike."""
        return balanced_accuracy(torch.tensor(self.confusion))

    @property
    def beside(self) -> tuple[str, ...]:
        """What stands beside the score, one sentence each: top-5, and where classes are unequal."""
        counts = ClassCounts.of(self.dataset.test.labels or (), self.dataset.classes)
        found = {"top-5": self.evaluation.top5,
                 "balanced accuracy (mean recall of the classes)":
                     self.balanced if counts.unequal else None}  # fmt: skip
        return tuple(
            f"{name}: {score.value:.1f} %, 95 % interval {score.low:.1f} to {score.high:.1f} %"
            f"{f' ({counts.in_words()})' if name != 'top-5' else ''}"
            for name, score in found.items() if score is not None
        )

    @property
    def dataset(self) -> Dataset:
        """The images."""
        return self.images.dataset

    @property
    def majority(self) -> Majority:
        """What always answering the most frequent class of the images scored would give."""
        return majority_of(self.dataset.test.labels or (), self.dataset.classes)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided about the images, as far as this protocol reads them."""
        notes = self.dataset.notes
        kept = notes if "val" in PROTOCOLS[self.protocol].splits else without_val(notes)
        return (*self.told, *kept, *_left_out(self.dataset), self.images.told)

    @property
    def about(self) -> str:
        """What the score is of, and what it has to beat, in a few words."""
        majority = self.majority
        return (
            f"{self.score.n} images, {len(self.dataset.classes)} classes; always answering "
            f"'{majority.name}' gives {majority.value:.1f} %"
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the score mean less than it seems, one sentence each."""
        beside = against_majority(self.score, self.majority)
        told = (self.images.warning, f"That is {beside}." if beside else "")
        return tuple(sentence for sentence in told if sentence)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for ``--json``."""
        return {
            "model": str(self.model),
            "protocol": self.protocol,
            "data": self.dataset.name,
            "fingerprint": self.dataset.fingerprint,
            "score": self.score.to_dict(),
            **({"top5": self.evaluation.top5.to_dict()} if self.evaluation.top5 else {}),
            "balanced": self.balanced.to_dict(),
            "majority": self.majority.to_dict(),
            "images": {
                "scored": len(self.dataset.test),
                "from": self.images.origin,
                "source": self.dataset.source,
                "train": len(self.dataset.train) if self._learns else 0,
                "trained_on": self.images.trained_on,
            },
            "classes": list(self.classes),
            "confusion": self.confusion,
            **(self.certainty.to_dict() if self.certainty else {}),
            **({"weights": dict(self.weights)} if self.weights else {}),
        }

    @property
    def _learns(self) -> bool:
        return "train" in PROTOCOLS[self.protocol].splits


def _left_out(dataset: Dataset) -> list[str]:
    if not dataset.quarantined:
        return []
    path, reason = dataset.quarantined[0]
    return [
        f"{len(dataset.quarantined)} file(s) cannot be used and are left out; the first: "
        f"{path.name}: {reason}."
    ]
