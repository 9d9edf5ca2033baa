"""From what the user typed after ``--data`` to a checked, split data set."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgessl.data.dataset import Dataset, Split
from edgessl.data.listing import Entry, Listing, SplitName
from edgessl.data.parallel import Progress
from edgessl.data.source import list_source
from edgessl.data.split import Sample, hold_out, keep_labels, separate
from edgessl.data.verify import verify
from edgessl.errors import UserError

MIN_IMAGES = 10
MAX_QUARANTINED_PERCENT = 10.0
TEST_PERCENT = 20.0

_Splits = dict[SplitName, list[Sample]]
_SPLITS: tuple[SplitName, ...] = ("train", "val", "test", "unlabeled")


@dataclass(frozen=True, slots=True)
class _Sound:
    """The images that can be used, and what was said about the others."""

    splits: _Splits
    quarantined: tuple[tuple[Path, str], ...]
    duplicates: int


def load_dataset(
    data: str,
    *,
    labels: str | None = None,
    label_percent: float | None = None,
    val_percent: float = 10.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Dataset:
    """Find, check and split the images of a named set, a folder or a CSV manifest.

    Every file is read and decoded once; the next call remembers that. Splits depend on the files'
    contents, not on their names.

    Args:
        data: A named set, a folder, or a CSV manifest.
        labels: If given, another source: its labelled images are train, val and test, and the
            images of ``data`` are for pretraining only.
        label_percent: Share of each class's training labels that are kept; the other training
            images become unlabelled.
        val_percent: Share of each class of train that becomes ``val`` where the source has none.
        seed: Chooses the labels that ``label_percent`` keeps.
        progress: Called with (done, total) while files are read.

    Raises:
        UserError: The source is not there, or holds too few or too many unusable images, fewer
            than two classes, or test classes that train lacks.
        EdgesslError: A named set cannot be downloaded.
    """
    _check_percent("--label-percent", label_percent, above=0.0)
    _check_percent("val_percent", val_percent, above=-1.0)
    listing = list_source(data)
    notes = list(listing.notes)
    entries = listing.entries
    if labels is not None:
        labelled = list_source(labels)
        notes += labelled.notes
        entries = _labels_from(labelled, listing)
        notes.append(f"Labels come from {labels}; the images of {data} are for pretraining only.")
    sound = _check_files(listing.source, entries, progress)
    official = listing.official and labels is None
    splits, more = _divide(sound.splits, labels or listing.source, val_percent, official)
    notes += more
    classes = tuple(sorted({sample.label for sample in splits["train"] if sample.label}))
    if label_percent is not None:
        splits, note = _forget_labels(splits, listing.source, classes, label_percent, seed)
        notes.append(note)
    if sound.duplicates:
        notes.append(f"{sound.duplicates} files have a twin of identical content.")
    parts = {name: _split(splits[name], classes, name != "unlabeled") for name in _SPLITS}
    return Dataset(
        name=listing.name,
        source=listing.source,
        classes=classes,
        train=parts["train"],
        unlabeled=parts["unlabeled"],
        val=parts["val"],
        test=parts["test"],
        quarantined=sound.quarantined,
        duplicates=sound.duplicates,
        notes=tuple(notes),
        fingerprint=_fingerprint(classes, parts),
    )


def _check_percent(name: str, percent: float | None, above: float) -> None:
    if percent is not None and not above < percent <= 100:
        raise UserError(f"{name}: must be a percentage up to 100, got {percent:g}; correct it")


def _labels_from(labelled: Listing, images: Listing) -> tuple[Entry, ...]:
    """Join the labelled images of one listing with the images of another, without its labels."""
    keep = {entry.path: entry for entry in labelled.entries if entry.label is not None}
    if not keep:
        raise UserError(
            f"{labelled.source}: must hold labelled images for --labels, found none; "
            "use class folders or a CSV manifest with labels"
        )
    rest = [
        Entry(entry.path, None, "test" if entry.split == "test" else "unlabeled")
        for entry in images.entries
        if entry.path not in keep
    ]
    return (*keep.values(), *rest)


def _check_files(source: str, entries: Iterable[Entry], progress: Progress | None) -> _Sound:
    entries = tuple(entries)
    results = verify([entry.path for entry in entries], progress)
    bad = tuple(
        sorted((e.path, r.reason) for e, r in zip(entries, results, strict=True) if r.reason)
    )
    _refuse_poor(source, len(entries), bad)
    splits: _Splits = {name: [] for name in _SPLITS}
    for entry, result in zip(entries, results, strict=True):
        if not result.reason:
            splits[entry.split].append(Sample(result.digest, entry.label, entry.path))
    counts = Counter(result.digest for result in results if not result.reason)
    return _Sound(splits, bad, sum(count for count in counts.values() if count > 1))


def _refuse_poor(source: str, count: int, bad: tuple[tuple[Path, str], ...]) -> None:
    shown = "".join(f"\n  {path}: {reason}" for path, reason in bad[:5])
    shown += f"\n  and {len(bad) - 5} more" if len(bad) > 5 else ""
    if count - len(bad) < MIN_IMAGES:
        raise UserError(
            f"{source}: must hold at least {MIN_IMAGES} usable images, got {count - len(bad)}; "
            f"add some{shown}"
        )
    if len(bad) > count * MAX_QUARANTINED_PERCENT / 100:
        raise UserError(
            f"{source}: at most {MAX_QUARANTINED_PERCENT:g} % of the images may be unusable, "
            f"got {len(bad)} of {count}; repair or remove them{shown}"
        )


def _divide(
    splits: _Splits, source: str, val_percent: float, official: bool
) -> tuple[_Splits, list[str]]:
    """Give every sound image its split."""
    notes: list[str] = []
    if not any(sample.label for name in _SPLITS for sample in splits[name]):
        return _without_labels(splits)
    left_out = sum(sample.label is None for sample in splits["test"])
    if left_out:
        notes.append(f"{left_out} test image(s) without a label are left out.")
        splits = {**splits, "test": [s for s in splits["test"] if s.label is not None]}
    apart, lost = separate(splits)
    fate = "stay there, as the official split has it" if official else "were dropped from it"
    for name, count in lost.items():
        if count:
            notes.append(f"{count} image(s) of {name} are also in another split; they {fate}.")
    splits = splits if official else apart
    if not splits["test"]:
        splits = _carve(splits, "test", TEST_PERCENT, least_from=2)
        notes.append(
            f"There is no test split: {TEST_PERCENT:g} % of each class, {len(splits['test'])} "
            "images, are held out by content."
        )
    _check_classes(source, splits)
    if not splits["val"] and val_percent > 0:
        splits = _carve(splits, "val", val_percent, least_from=5)
        notes.append(
            f"{len(splits['val'])} training images, {val_percent:g} % of each class, are held out "
            "by content as val: every choice is made on them, test is read once at the end."
            if splits["val"]
            else "The classes are too small to hold out a val split."
        )
    if torn := _torn(splits):
        notes.append(f"{torn} image(s) appear under more than one class: correct their labels.")
    return splits, notes


def _torn(splits: _Splits) -> int:
    """Count contents whose copies carry different labels."""
    labels = {(s.digest, s.label) for part in splits.values() for s in part if s.label}
    return sum(count > 1 for count in Counter(digest for digest, _ in labels).values())


def _without_labels(splits: _Splits) -> tuple[_Splits, list[str]]:
    splits, _ = separate(splits)
    notes = ["There are no labels, so this is for pretraining only."]
    if splits["test"]:
        notes.append(f"{len(splits['test'])} test image(s) without a label are left out.")
    return {"train": splits["unlabeled"], "val": [], "test": [], "unlabeled": []}, notes


def _carve(splits: _Splits, name: SplitName, percent: float, least_from: int) -> _Splits:
    held = hold_out(splits["train"], percent, salt=name, least_from=least_from)
    return {
        **splits,
        "train": [sample for sample in splits["train"] if sample.digest not in held],
        name: [sample for sample in splits["train"] if sample.digest in held],
    }


def _check_classes(source: str, splits: Mapping[SplitName, list[Sample]]) -> None:
    known = {sample.label for sample in splits["train"] if sample.label}
    for name in ("test", "val"):
        unknown = sorted({s.label for s in splits[name] if s.label} - known)
        if unknown:
            raise UserError(
                f"{source}: every class of {name} must also be in train, got "
                f"{len(unknown)} that train lacks: {', '.join(unknown)}; rename or remove them"
            )
    if len(known) < 2:
        got = f"1 ('{next(iter(known))}')" if known else "none"
        raise UserError(
            f"{source}: must hold at least 2 classes, got {got}; "
            "add class folders, or move the images to unlabeled/ to use them without labels"
        )


def _forget_labels(
    splits: _Splits, source: str, classes: tuple[str, ...], percent: float, seed: int
) -> tuple[_Splits, str]:
    if not classes:
        raise UserError(f"--label-percent: must come with labels, got none in {source}; drop it")
    kept = keep_labels(splits["train"], percent, seed)
    train = [sample for sample in splits["train"] if sample.digest in kept]
    rest = [Sample(s.digest, None, s.path) for s in splits["train"] if s.digest not in kept]
    note = (
        f"{len(train)} of {len(splits['train'])} training labels are kept ({percent:g} % of each "
        f"class, at least 1); the other {len(rest)} images are used without label."
    )
    return {**splits, "train": train, "unlabeled": splits["unlabeled"] + rest}, note


def _split(samples: list[Sample], classes: tuple[str, ...], labelled: bool) -> Split:
    ordered = sorted(samples, key=lambda s: (s.digest, s.label or "", str(s.path)))
    index = {name: i for i, name in enumerate(classes)}
    labels = [index[sample.label] for sample in ordered if sample.label is not None]
    return Split(
        paths=tuple(sample.path for sample in ordered),
        labels=tuple(labels) if classes and labelled else None,
        digests=tuple(sample.digest for sample in ordered),
    )


def _fingerprint(classes: tuple[str, ...], parts: Mapping[SplitName, Split]) -> str:
    hasher = hashlib.sha1("\n".join(classes).encode(), usedforsecurity=False)
    for name in _SPLITS:
        part = parts[name]
        hasher.update(f"\n{name} {len(part)} {part.labels}\n".encode())
        hasher.update(" ".join(part.digests).encode())
    return hasher.hexdigest()
