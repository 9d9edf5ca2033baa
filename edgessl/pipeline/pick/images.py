"""Which images may be picked for labels, and which have one already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgessl.data.dataset import Entry
from edgessl.data.load import list_source
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.data.value_range import ValueRange, judge_set
from edgessl.data.verify import Verified, verify
from edgessl.errors import UserError
from edgessl.pick.table import is_writable_name


@dataclass(frozen=True, slots=True)
class Candidate:
    """One content of the images.

    Attributes:
        path: A file that has it.
        digest: SHA-1 of it, in hexadecimal.
    """

    path: Path
    digest: str


@dataclass(frozen=True, slots=True)
class Pool:
    """What there is to pick from.

    Attributes:
        name: Of the source.
        source: What the user passed; absolute if it is a path.
        free: Contents without a label, in an order that depends on nothing but them.
        labelled: Contents that are trained on with a label, in such an order.
        known: Every entry with one label, those of test and val too.
        classes: Names of the labels, sorted.
        several: Whether images may have several labels each.
        unusable: Files left out, each with the reason.
        twins: Files whose content another one without a label has, or a labelled one.
        held_out: Files of test and val, which are never picked.
        value_range: What is black and white in files of more than 8 bits a channel.
    """

    name: str
    source: str
    free: tuple[Candidate, ...]
    labelled: tuple[Candidate, ...]
    known: tuple[Entry, ...]
    classes: tuple[str, ...]
    several: bool
    unusable: tuple[tuple[Path, str], ...]
    twins: int
    held_out: int
    value_range: ValueRange | None

    @property
    def notes(self) -> list[str]:
        """What was left out and why, one sentence each."""
        told = []
        if self.unusable:
            path, reason = self.unusable[0]
            told.append(
                f"{len(self.unusable)} file(s) cannot be used and are left out; the first: "
                f"{path.name!a}: {reason}."
            )
        if self.held_out:
            told.append(f"{self.held_out} image(s) of test or val are not picked.")
        if self.twins:
            told.append(f"{self.twins} file(s) repeat the content of others and are not picked.")
        return told


def pool_of(data: str, labels: str | None, reading: Reading = AS_FOUND) -> Pool:
    """List the images of a source, and say which of them have a label.

    Args:
        data: What the user passed as ``--data``.
        labels: Another source with labels for them, or None.
        reading: How ``data`` is to be read, where that is said.

    Raises:
        UserError: A source is not there, or no image is left without a label.
        EdgesslError: A named set cannot be downloaded.
    """
    listing = list_source(data, reading=reading)
    entries = {entry.path: entry for entry in listing.entries}
    if labels is not None:
        entries |= _labelled_in(labels)
    found = verify([*entries])
    both = [(entry, one) for entry, one in zip(entries.values(), found, strict=True)]
    sound = sorted(
        ((entry, one) for entry, one in both if not one.reason),
        key=lambda pair: (pair[1].digest, str(pair[0].path)),
    )
    held = [pair for pair in sound if pair[0].split in ("test", "val")]
    train = [pair for pair in sound if pair[0].split not in ("test", "val")]
    labelled = _contents((pair for pair in train if _has_label(pair[0])), ())
    free = [pair for pair in train if not _has_label(pair[0])]
    taken = {one.digest for one in labelled} | {one.digest for _, one in held}
    nameless = [(e.path, "its name is no UTF-8") for e, _ in free if not is_writable_name(e.path)]
    named = [pair for pair in free if is_writable_name(pair[0].path)]
    contents = _contents(named, taken)
    bad = sorted([(e.path, one.reason) for e, one in both if one.reason] + nameless)
    _refuse_none(listing.source, contents, len(labelled), bad)
    names = {name for e in entries.values() for name in _labels(e)}
    return Pool(
        name=listing.name, source=listing.source, free=contents, labelled=labelled,
        known=tuple(entry for entry, _ in sound if entry.label is not None),
        classes=tuple(sorted(names)),
        several=any(entry.tags is not None for entry in entries.values()),
        unusable=tuple(bad), twins=len(named) - len(contents), held_out=len(held),
        value_range=judge_set(one.values for one in found if one.values is not None),
    )  # fmt: skip


def _labelled_in(labels: str) -> dict[Path, Entry]:
    listing = list_source(labels, option="--labels")
    found = {entry.path: entry for entry in listing.entries if _has_label(entry)}
    if not found:
        raise UserError(
            f"{listing.source}: must hold labelled images for --labels, found none; fill its "
            "column, or leave it out"
        )
    return found


def _labels(entry: Entry) -> tuple[str, ...]:
    if entry.tags is not None:
        return (*entry.tags.shown, *entry.tags.difficult)
    return () if entry.label is None else (entry.label,)


def _has_label(entry: Entry) -> bool:
    return entry.label is not None or entry.tags is not None


def _contents(
    pairs: Iterable[tuple[Entry, Verified]], taken: Iterable[str]
) -> tuple[Candidate, ...]:
    """Keep the first file of every content that is not taken."""
    kept: dict[str, Candidate] = {}
    gone = frozenset(taken)
    for entry, one in pairs:
        if one.digest not in gone:
            kept.setdefault(one.digest, Candidate(entry.path, one.digest))
    return tuple(kept.values())


def _refuse_none(
    source: str, free: Sequence[Candidate], labelled: int, bad: Sequence[tuple[Path, str]]
) -> None:
    if free:
        return
    broken = f" and {len(bad)} file(s) that cannot be used" if bad else ""
    hint = "; if its folders are no classes, say --layout flat" if labelled else ""
    raise UserError(
        f"{source}: must hold images without a label to pick from, got {labelled} with a label"
        f"{broken}; add some, plain or in unlabeled/{hint}"
    )
