"""Images that belong together, such as those of one scene, are held out together or not at all."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgessl.data.dataset import Listing
from edgessl.data.sample import Sample, torn_contents
from edgessl.errors import UserError

PARENT = "parent"
"""Instead of a column: the folder that a file lies in. Folders of one name are one group."""
_MOST = 0.5  # of a class that may be held out: groups can be large


@dataclass(frozen=True, slots=True)
class Groups:
    """Which images belong together.

    Attributes:
        by: ``parent``, or the column of the manifest.
        of: The group of each file.
    """

    by: str
    of: Mapping[Path, str]

    @property
    def words(self) -> str:
        """What a group is, in the plural."""
        return "folders" if self.by == PARENT else f"groups by the column '{self.by}'"


def groups_of(listing: Listing, by: str) -> Groups:
    """Tell the group of every image of a source.

    Args:
        listing: The source; one that was read from a manifest with the column ``by`` has them.
        by: ``parent``, or a column.

    Raises:
        UserError: The source is no manifest, and has no columns.
    """
    if by == PARENT:
        return Groups(by, {entry.path: entry.path.parent.name for entry in listing.entries})
    if not Path(listing.source).is_file():
        raise UserError(
            f"--val-group: must be '{PARENT}', because {listing.source} is no CSV manifest with "
            f"columns, got '{by}'"
        )
    # An image without a group is one of its own.
    return Groups(by, {entry.path: entry.group or str(entry.path) for entry in listing.entries})


def hold_out_groups(
    samples: Iterable[Sample], groups: Groups, percent: float, *, salt: str
) -> tuple[frozenset[str], int]:
    """Choose whole groups to hold out, until they are the share wanted and show every class.

    Groups are ranked by a hash of their contents. Those that share a content are one. A group that
    would leave less than half of a class is passed over, and with it perhaps a class.

    Args:
        samples: Labelled images.
        groups: Which of them belong together.
        percent: Share of the distinct contents that is wanted; about, because groups are whole.
        salt: Another word gives another, independent choice.

    Returns:
        Digests of the contents held out, and how many groups they are.
    """
    samples = list(samples)
    labels = {sample.digest: sample.label for sample in samples}
    total, held = Counter(labels.values()), Counter[str | None]()
    wanted = len(labels) * percent / 100
    chosen: set[str] = set()
    taken = 0
    for contents in _ranked(_joined(samples, groups), salt):
        counts = Counter(labels[digest] for digest in contents)
        fits = all(held[label] + count <= _MOST * total[label] for label, count in counts.items())
        if fits and (len(chosen) < wanted or any(not held[label] for label in counts)):
            chosen |= contents
            held.update(counts)
            taken += 1
    return frozenset(chosen - torn_contents(samples)), taken


def _joined(samples: Iterable[Sample], groups: Groups) -> list[set[str]]:
    """Return the contents of every group; groups with a content in common become one."""
    members: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        members[groups.of[sample.path]].add(sample.digest)
    home: dict[str, int] = {}
    joined: dict[int, set[str]] = {}
    for number, contents in enumerate(members.values()):
        together = set(contents)
        for other in {home[digest] for digest in contents if digest in home}:
            together |= joined.pop(other)
        joined[number] = together
        home.update(dict.fromkeys(together, number))
    return list(joined.values())


def _ranked(groups: Iterable[set[str]], salt: str) -> list[set[str]]:
    def rank(contents: set[str]) -> bytes:
        return hashlib.sha1(f"{salt} {min(contents)}".encode(), usedforsecurity=False).digest()

    return sorted(groups, key=rank)
