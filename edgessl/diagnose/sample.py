"""Which images of a split are looked at: all of a small one, a seeded draw of a large one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from edgessl.data.dataset import Split
from edgessl.data.divide import ranked

PER_CLASS = 50
"""Images of a class whose views are compared, as in ssl-small's static sets."""


@dataclass(frozen=True, slots=True)
class Looked:
    """The images of a split that are looked at.

    Attributes:
        name: Of the split.
        split: These images.
        viewed: Positions in it of the images whose views are compared, ascending.
        total: Images of the whole split.
    """

    name: str
    split: Split
    viewed: tuple[int, ...]
    total: int

    @property
    def told(self) -> str:
        """Say what was drawn; empty where all is looked at."""
        if len(self.split) == self.total:
            return ""
        return f"{len(self.split):,} of the {self.total:,} {self.name} images, drawn at random"


def look_at(name: str, split: Split, most: int, viewed: int, seed: int) -> Looked:
    """Draw the images of a split, the same ones for every network.

    Images are ranked by a hash of seed and content, so that neither names nor order matter, and a
    smaller draw is part of every larger one.

    Args:
        name: Of the split.
        split: All its images.
        most: Images that are looked at, at most.
        viewed: Of these, images whose views are compared, at most; and at most 50 of a class.
        seed: Another seed gives another draw.
    """
    order = _by_rank(split, f"diagnose {seed}")
    chosen = sorted(order[:most])
    part = Split(
        paths=tuple(split.paths[index] for index in chosen),
        labels=None if split.labels is None else tuple(split.labels[index] for index in chosen),
        digests=tuple(split.digests[index] for index in chosen),
    )
    kept = _to_view(part, _by_rank(part, f"diagnose views {seed}"))
    return Looked(name, part, tuple(sorted(kept[:viewed])), len(split))


def _to_view(split: Split, order: list[int]) -> list[int]:
    """Keep the first file of every content, and the first 50 contents of every class."""
    seen: dict[int, int] = defaultdict(int)
    contents: set[str] = set()
    kept = []
    for index in order:
        label = -1 if split.labels is None else split.labels[index]
        full = split.labels is not None and seen[label] >= PER_CLASS
        if full or split.digests[index] in contents:
            continue
        seen[label] += 1
        contents.add(split.digests[index])
        kept.append(index)
    return kept


def _by_rank(split: Split, salt: str) -> list[int]:
    places: dict[str, list[int]] = defaultdict(list)
    for index, digest in enumerate(split.digests):
        places[digest].append(index)
    return [index for digest in ranked(places, salt) for index in places[digest]]
