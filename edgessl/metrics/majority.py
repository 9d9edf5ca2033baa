"""What always answering the most frequent class would score: no score means much below it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgessl.metrics.interval import Score


@dataclass(frozen=True, slots=True)
class Majority:
    """The share of the most frequent class among the images scored.

    Attributes:
        name: That class; of several as frequent, the first in label order.
        value: Its share, percent: the accuracy of always answering it.
        n: Images scored.
    """

    name: str
    value: float
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Return ``class value n`` as plain values."""
        return {"class": self.name, "value": self.value, "n": self.n}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Majority:
        """Rebuild from ``to_dict``'s values."""
        return cls(str(values["class"]), float(values["value"]), int(values["n"]))


def majority_of(labels: Sequence[int], classes: Sequence[str]) -> Majority:
    """Find the most frequent class.

    Args:
        labels: Class index of each image, at least one.
        classes: Class names in label order.
    """
    counts = Counter(labels)
    label = min(counts, key=lambda one: (-counts[one], one))
    return Majority(classes[label], 100 * counts[label] / len(labels), len(labels))


def against_majority(score: Score, majority: Majority) -> str:
    """Say that a score does not stand out from the majority's share; empty if it does.

    The share is a fact about these very images, so the whole interval has to lie above it.

    Args:
        score: On the same images.
        majority: Of these images.
    """
    if score.low > majority.value or majority.value >= 100:  # one class: there is no better
        return ""
    place = "below" if score.value < majority.value else "not clearly above"
    return (
        f"{place} the {majority.value:.1f} % of always answering '{majority.name}', the most "
        "frequent class there"
    )
