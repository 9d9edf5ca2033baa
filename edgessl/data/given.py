"""What an evaluation is given: every labelled image, whatever a run would do with it.

A run needs a ``train`` to hold images out of. An evaluation does not: ``test/`` alone, rows of test
alone, one class, or few images can be scored.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgessl.data.dataset import Dataset, Entry, Listing, Split, SplitName, Tags
from edgessl.data.load import list_source, refuse_unknown
from edgessl.data.named import recognise
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.data.sample import Sample, torn_contents
from edgessl.data.split_names import SPLIT_FOLDERS
from edgessl.data.tree import walk
from edgessl.data.value_range import Values, describe, judge_set
from edgessl.data.verify import MAX_QUARANTINED_PERCENT, verify
from edgessl.errors import UserError


def list_given(data: str, reading: Reading = AS_FOUND) -> Listing:
    """List the images of a source, of a folder with ``test/`` or ``val/`` alone too.

    Args:
        data: What the user passed as ``--data``.
        reading: How it is to be read, where that is said: nothing is guessed then.

    Raises:
        UserError: There is no such source, or it cannot be used.
        EdgesslError: A named set is not on this machine.
    """
    refuse_unknown(data)
    path = Path(data).expanduser()
    guessed = reading == AS_FOUND and path.is_dir() and recognise(path) is None
    held_out = _without_train(path) if guessed else {}
    if not held_out:
        return list_source(data, reading=reading, download=False)
    entries: list[Entry] = []
    notes: list[str] = []
    for folder, split in held_out.items():
        listing = list_source(str(folder), download=False)
        entries += (replace(entry, split=split) for entry in listing.entries)
        notes += (note for note in listing.notes if note not in notes)
    root = path.absolute()
    if outside := sum(len(one.names) for one in walk(root).folders) - len(entries):
        names = " and ".join(f"{folder.name}/" for folder in held_out)
        notes.append(f"{outside} image(s) outside {names} are left out.")
    return Listing(root.name or "images", str(root), tuple(entries), tuple(notes))


def _without_train(root: Path) -> dict[Path, SplitName]:
    """Return the folders of a ``test`` or ``val`` that has no ``train`` beside it."""
    folders = [folder.parts for folder in walk(root).folders]
    depth = 0
    while folders and all(len(parts) > depth + 1 for parts in folders):
        tops = {parts[depth] for parts in folders}
        if len(tops) > 1 or next(iter(tops)).lower() in SPLIT_FOLDERS:
            break
        depth += 1  # an outer folder, as unpacked archives have
    inside = [parts for parts in folders if len(parts) > depth]
    roles = {parts[depth]: SPLIT_FOLDERS.get(parts[depth].lower()) for parts in inside}
    flat = {parts[depth] for parts in inside if len(parts) == depth + 1}
    if "train" in roles.values() or any(roles[name] is None for name in flat):
        return {}  # folders of images beside it are classes: of them, test may be one
    base = root.joinpath(*folders[0][:depth]) if folders else root
    return {
        base / name: role for name, role in roles.items() if role in ("test", "val")
    }


@dataclass(frozen=True, slots=True)
class Given:
    """What is scored of a source.

    Attributes:
        dataset: ``test`` is what is scored; the other splits are empty.
        origin: ``"test"``, ``"val"``, or ``"all"``.
        others: Labelled images by split that are there and not scored.
    """

    dataset: Dataset
    origin: str
    others: dict[str, int]


def all_given(listing: Listing) -> Given:
    """Check the images of a source, and choose those to score.

    These are ``test`` where there is one, else ``val``, and else all that have a label.

    Args:
        listing: From ``list_given``.

    Raises:
        UserError: No image has a label, or too many are unusable.
    """
    labelled = [one for one in listing.entries if one.label is not None or one.tags is not None]
    counts = Counter(entry.split for entry in labelled)
    origin: SplitName | None = next((name for name in _HELD_OUT if counts[name]), None)
    chosen = [entry for entry in labelled if origin in (None, entry.split)]
    if not chosen:
        raise UserError(
            f"{listing.source}: must have labelled test images, found no labels at all; "
            "give one folder per class, or a manifest with labels"
        )
    samples, bad, values = _check(listing.source, chosen)
    value_range = judge_set(values)
    tags = {entry.path: entry.tags for entry in chosen if entry.tags is not None}
    shown = {name for one in tags.values() for name in (*one.shown, *one.difficult)}
    classes = tuple(sorted(shown | {sample.label for sample in samples if sample.label}))
    notes = [*listing.notes, *_remarks(listing, samples), *describe(values, value_range)]
    test = _split(samples, classes)
    if tags:
        test = replace(test, labels=None)
    dataset = Dataset(
        name=listing.name, source=listing.source, classes=classes,
        train=Split(), unlabeled=Split(), val=Split(),
        test=test, quarantined=bad, duplicates=_twins(test.digests), notes=tuple(notes),
        fingerprint=_fingerprint(classes, test, tags), value_range=value_range, tags=tags,
    )  # fmt: skip
    others = {str(name): count for name, count in counts.items() if origin and name != origin}
    return Given(dataset, origin or "all", others)


def with_train(listing: Listing) -> Given:
    """Check the images of a source as ``all_given`` does, and its ``train`` to learn from.

    Args:
        listing: From ``list_given``; it has labelled images of ``train``, and of another split.

    Returns:
        What is scored, and a ``train`` that has no content of it.
    """
    given = all_given(listing)
    scored = given.dataset
    entries = [one for one in listing.entries if one.label is not None and one.split == "train"]
    samples, bad, _ = _check(listing.source, entries)
    taken = frozenset(scored.test.digests)
    kept = [sample for sample in samples if sample.digest not in taken]
    names = [scored.classes[label] for label in scored.test.labels or ()]
    classes = tuple(sorted({*names, *(sample.label or "" for sample in kept)}))
    notes = list(scored.notes)
    if lost := len(samples) - len(kept):
        notes.append(f"{lost} image(s) of train are also scored; they were dropped from train.")
    dataset = replace(
        scored, classes=classes, train=_split(kept, classes), notes=tuple(notes),
        test=replace(scored.test, labels=tuple(classes.index(name) for name in names)),
        quarantined=(*scored.quarantined, *bad),
    )  # fmt: skip
    return replace(given, dataset=dataset)


_HELD_OUT: tuple[SplitName, ...] = ("test", "val")


def _split(samples: Sequence[Sample], classes: tuple[str, ...]) -> Split:
    return Split(
        paths=tuple(sample.path for sample in samples),
        labels=tuple(classes.index(one.label) for one in samples if one.label is not None),
        digests=tuple(sample.digest for sample in samples),
    )


def _check(
    source: str, entries: list[Entry]
) -> tuple[list[Sample], tuple[tuple[Path, str], ...], list[Values]]:
    """Read every file.

    Returns:
        The sound ones in a fixed order, the others with the reason, and the values of those with
        more than 8 bits.
    """
    results = verify([entry.path for entry in entries])
    both = list(zip(entries, results, strict=True))
    bad = tuple(sorted((entry.path, found.reason) for entry, found in both if found.reason))
    if len(bad) > len(entries) * MAX_QUARANTINED_PERCENT / 100:
        shown = "".join(f"\n  {path}: {reason}" for path, reason in bad[:5])
        shown += f"\n  and {len(bad) - 5} more" if len(bad) > 5 else ""
        raise UserError(
            f"{source}: at most {MAX_QUARANTINED_PERCENT:g} % of the images may be unusable, "
            f"got {len(bad)} of {len(entries)}; repair or remove them{shown}"
        )
    sound = [
        Sample(found.digest, entry.label, entry.path) for entry, found in both if not found.reason
    ]
    values = [found.values for found in results if found.values is not None]
    return sorted(sound, key=lambda s: (s.digest, s.label or "", str(s.path))), bad, values


def _remarks(listing: Listing, samples: Iterable[Sample]) -> list[str]:
    remarks = []
    if unlabelled := sum(one.label is None and one.tags is None for one in listing.entries):
        remarks.append(f"{unlabelled} image(s) without a label are left out.")
    if torn := torn_contents(samples):
        remarks.append(
            f"{len(torn)} image(s) appear under more than one class: correct their labels."
        )
    return remarks


def _twins(digests: Iterable[str]) -> int:
    return sum(count for count in Counter(digests).values() if count > 1)


def _fingerprint(
    classes: tuple[str, ...], test: Split, tags: Mapping[Path, Tags]
) -> str:
    own = [str(tags[path]) for path in test.paths] if tags else []
    text = "\n".join([*classes, str(test.labels), *test.digests, *own])
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
