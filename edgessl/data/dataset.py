"""What the user has: listed images, and the splits they are in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from edgessl.data.value_range import ValueRange, described_by_network

SplitName = Literal["train", "val", "test", "unlabeled"]
SPLIT_NAMES: tuple[SplitName, ...] = ("train", "val", "test", "unlabeled")


@dataclass(frozen=True, slots=True)
class Tags:
    """The labels of an image that may have several.

    Attributes:
        shown: Classes that it shows.
        difficult: Classes that it shows only in ways that are difficult to recognise: to train on,
            but not to be judged by.
    """

    shown: tuple[str, ...] = ()
    difficult: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One image file.

    Attributes:
        path: The file, absolute.
        label: Its class, or None.
        split: Where the source puts it. Without a label: ``unlabeled``, or ``test`` for images
            that must stay out of pretraining.
        tags: Its labels where images of the source may have several; ``label`` is None then.
        group: What it belongs to, such as a scene; None where the source does not say.
    """

    path: Path
    label: str | None
    split: SplitName
    tags: Tags | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """All images of a source.

    Attributes:
        name: Short name of the source.
        source: What the user passed; absolute if it is a path.
        entries: The images, in no particular order.
        notes: What was decided while reading, one sentence each.
        official: Whether the splits are those of a published benchmark: they are kept as they are,
            even where files of train and test are identical.
        layout: How the source was read, in words; empty for named sets.
        skipped: What was not looked at: its kind -> how many.
    """

    name: str
    source: str
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    official: bool = False
    layout: str = ""
    skipped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Split:
    """Image files of one split, in a fixed order.

    Attributes:
        paths: The files.
        labels: Index of each file's class in ``Dataset.classes``; None if it has no labels.
        digests: SHA-1 of each file's content, in hexadecimal.
    """

    paths: tuple[Path, ...] = ()
    labels: tuple[int, ...] | None = None
    digests: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True, slots=True)
class Lesson:
    """The labels that supervised pretraining learns.

    Attributes:
        classes: Their names, in the order of the outputs: the classes, or coarser ones.
        labels: Of every image that pretraining sees, in the order of ``Dataset.pretraining``.
    """

    classes: tuple[str, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Images of one domain, split for pretraining, fine-tuning and testing.

    Attributes:
        name: Short name, used for the run folder.
        source: What the user passed as ``--data``, absolute if it is a path.
        classes: Class names in label order; empty without labels.
        train: Labelled training images; unlabelled ones where ``classes`` is empty.
        unlabeled: Further images, for pretraining only.
        val: Held out of ``train``: every choice is made on it. May be empty.
        test: Read once, at the end. May be empty.
        quarantined: Files left out, each with the reason.
        duplicates: Number of files whose content another file also has.
        notes: What was decided on the way, one sentence each, to be shown to the user.
        fingerprint: Hash of classes, splits, labels and contents.
        tags: Labels of images that may have several, by file; splits have no ``labels`` then, and
            ``classes`` are those that training images show.
        drawn: Positions in ``everything``, ascending, of the images that pretraining sees; None
            for all.
        value_range: Stored values that are black and white in files of more than 8 bits a channel,
            judged over all images; None where all have 8 bits.
        layout: How the source with the labels was read, in words; empty for named sets.
        skipped: What was not looked at: its kind -> how many.
        lesson: The labels that pretraining learns; None where it learns without any.
    """

    name: str
    source: str
    classes: tuple[str, ...]
    train: Split
    unlabeled: Split
    val: Split
    test: Split
    quarantined: tuple[tuple[Path, str], ...]
    duplicates: int
    notes: tuple[str, ...]
    fingerprint: str
    tags: Mapping[Path, Tags] = field(default_factory=dict)
    drawn: tuple[int, ...] | None = None
    value_range: ValueRange | None = None
    layout: str = ""
    skipped: Mapping[str, int] = field(default_factory=dict)
    lesson: Lesson | None = None

    @property
    def pretraining(self) -> Split:
        """The images that pretraining sees: everything, or what is drawn of it."""
        if self.drawn is None:
            return self.everything
        whole = self.everything
        return Split(
            paths=tuple(whole.paths[i] for i in self.drawn),
            labels=None,
            digests=tuple(whole.digests[i] for i in self.drawn),
        )

    @property
    def everything(self) -> Split:
        """All images to train on, without labels: train and unlabeled, in that order."""
        return Split(
            paths=self.train.paths + self.unlabeled.paths,
            labels=None,
            digests=self.train.digests + self.unlabeled.digests,
        )


def by_use(counts: Mapping[str, int], classes: Collection[str]) -> dict[str, int]:
    """Count images as people would: in a set without labels, images to train on are unlabelled.

    Args:
        counts: Images by split.
        classes: Class names; empty without labels.
    """
    if classes or counts.get("test"):  # without any label nothing is tested
        return dict(counts)
    unlabeled = counts.get("train", 0) + counts.get("unlabeled", 0)
    return {**counts, "train": 0, "unlabeled": unlabeled}


def as_scaled_by(own: ValueRange | None, dataset: Dataset) -> Dataset:
    """Say of a set that a network is tried on how that network scales more than 8 bits.

    Args:
        own: The network's range; None where its training images had 8 bits.
        dataset: The images.
    """
    if dataset.value_range is None or own == dataset.value_range:
        return dataset
    return replace(dataset, notes=described_by_network(dataset.notes, own))
