"""How many images each class has, and whether that differs enough to matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

UNEQUAL = 2.0
"""Times as many images in the largest class as in the smallest: then classes are unequal."""


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Images of each class of a split.

    Attributes:
        names: Of the classes, in label order.
        counts: Of each class, 0 where it has none.
    """

    names: tuple[str, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, labels: Sequence[int], names: Sequence[str]) -> ClassCounts:
        """Count labels.

        Args:
            labels: Class index of each image.
            names: Class names in label order.
        """
        counts = [0] * len(names)
        for label in labels:
            counts[label] += 1
        return cls(tuple(names), tuple(counts))

    @property
    def most(self) -> int:
        """Index of the class with the most images; the first of several."""
        return max(range(len(self.counts)), key=lambda index: self.counts[index])

    @property
    def least(self) -> int:
        """Index of the class with the fewest images, but at least one; the first of several."""
        present = [index for index, count in enumerate(self.counts) if count]
        return min(present, key=lambda index: self.counts[index])

    @property
    def unequal(self) -> bool:
        """Whether the largest class has twice the images of the smallest one."""
        if not any(self.counts):
            return False
        return self.counts[self.most] >= UNEQUAL * self.counts[self.least]

    @property
    def single(self) -> tuple[str, ...]:
        """Classes with one image."""
        named = zip(self.names, self.counts, strict=True)
        return tuple(name for name, count in named if count == 1)

    def in_words(self) -> str:
        """Tell the extremes, and who has one image; empty without images."""
        if not any(self.counts):
            return ""
        least, most = self.least, self.most
        told = (
            f"from {self.counts[least]} ('{self.names[least]}') to {self.counts[most]} "
            f"('{self.names[most]}') images a class"
        )
        return told if not self.single else f"{told}; with one image: {_listed(self.single)}"

    def to_dict(self) -> dict[str, Any]:
        """Return ``most least single unequal`` as plain values; nothing without images."""
        if not any(self.counts):
            return {}
        named = {
            key: {"class": self.names[index], "images": self.counts[index]}
            for key, index in (("most", self.most), ("least", self.least))
        }
        return {**named, "single": list(self.single), "unequal": self.unequal}


_SHOWN = 5


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{shown}{more}"
