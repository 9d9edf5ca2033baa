"""Who trains and who tests: splits that depend on what files contain, never on their names."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgessl.data.listing import SplitName

_PRIORITY: tuple[SplitName, ...] = ("test", "val", "train", "unlabeled")


@dataclass(frozen=True, slots=True)
class Sample:
    """One sound image file.

    Attributes:
        digest: SHA-1 of its content, in hexadecimal.
        label: Its class, or None.
        path: The file.
    """

    digest: str
    label: str | None
    path: Path


Splits = dict[SplitName, list[Sample]]


def hold_out(
    samples: Iterable[Sample], percent: float, *, salt: str, least_from: int
) -> frozenset[str]:
    """Choose contents to hold out, the same share of every class.

    Contents are ranked by a hash, so the choice depends on neither names nor order. A content that
    appears under two classes is never held out. At least one content per class always stays.

    Args:
        samples: Labelled images.
        percent: Share of each class's distinct contents, rounded to the nearest count.
        salt: Another word gives another, independent choice.
        least_from: Classes of at least this many contents give at least one.

    Returns:
        Digests of the contents held out.
    """
    samples = list(samples)
    torn = torn_contents(samples)
    labels = {sample.digest: sample.label for sample in samples if sample.digest not in torn}
    members: dict[str | None, list[str]] = defaultdict(list)
    for digest, name in labels.items():
        members[name].append(digest)
    chosen: set[str] = set()
    for digests in members.values():
        total = len(digests)
        count = int(total * percent / 100 + 0.5)
        if percent > 0 and total >= least_from:
            count = max(count, 1)
        chosen.update(_ranked(digests, salt)[: min(count, total - 1)])
    return frozenset(chosen)


def torn_contents(samples: Iterable[Sample]) -> set[str]:
    """Return the digests of contents whose copies carry different labels."""
    labels: dict[str, str | None] = {}
    return {s.digest for s in samples if labels.setdefault(s.digest, s.label) != s.label}


def keep_labels(samples: Iterable[Sample], percent: float, seed: int) -> frozenset[str]:
    """Choose contents that keep their label, the same share of every class, at least one.

    With one seed a smaller share is part of every larger one.

    Args:
        samples: Labelled images.
        percent: Share of each class's distinct contents, in (0, 100].
        seed: Another seed gives another choice.

    Returns:
        Digests of the contents whose labels are kept.
    """
    members: dict[str | None, set[str]] = defaultdict(set)
    for sample in samples:
        members[sample.label].add(sample.digest)
    kept: set[str] = set()
    for digests in members.values():
        count = max(1, int(len(digests) * percent / 100 + 0.5))
        kept.update(_ranked(digests, f"label {seed}")[:count])
    return frozenset(kept)


def draw_images(digests: Sequence[str], count: int, seed: int) -> tuple[int, ...]:
    """Choose images uniformly, without replacement.

    With one seed a smaller choice is part of every larger one: each is the beginning of one order.

    Args:
        digests: Of the images.
        count: How many to choose, at most all.
        seed: Another seed gives another order.

    Returns:
        Their positions, ascending.

    Source:
        Cole et al., CVPR 2022: nested sets, drawn once; Cao & Wu 2021 (S3L): small ImageNet.
    """
    rank = {digest: place for place, digest in enumerate(_ranked(set(digests), f"draw {seed}"))}
    order = sorted(range(len(digests)), key=lambda i: (rank[digests[i]], i))
    return tuple(sorted(order[:count]))


def separate(
    splits: Mapping[SplitName, list[Sample]],
) -> tuple[Splits, dict[SplitName, int]]:
    """Drop files whose content is also in a split that comes first: test, val, train, unlabeled.

    Args:
        splits: Images of each split.

    Returns:
        The splits without such files, and how many each one lost.
    """
    taken: set[str] = set()
    kept: Splits = {}
    lost: dict[SplitName, int] = {}
    for name in _PRIORITY:
        kept[name] = [sample for sample in splits[name] if sample.digest not in taken]
        lost[name] = len(splits[name]) - len(kept[name])
        taken.update(sample.digest for sample in kept[name])
    return kept, lost


def _ranked(digests: Iterable[str], salt: str) -> list[str]:
    def rank(digest: str) -> bytes:
        return hashlib.sha1(f"{salt} {digest}".encode(), usedforsecurity=False).digest()

    return sorted(digests, key=rank)
