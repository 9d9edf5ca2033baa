"""What the user has: listed images, and the splits they are in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

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
    """

    name: str
    source: str
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    official: bool = False


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
        tags: Labels of images that may have several, by file; ``classes`` is empty then.
        drawn: Positions in ``everything``, ascending, of the images that pretraining sees; None
            for all.
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

    @property
    def tag_names(self) -> tuple[str, ...]:
        """Names of the classes in ``tags``, in alphabetical order."""
        return tuple(sorted({
            name for tags in self.tags.values() for name in (*tags.shown, *tags.difficult)
        }))  # fmt: skip

    @property
    def pretraining(self) -> Split:
        """The images that self-supervised pretraining sees: everything, or what is drawn of it."""
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
        classes: Class names; empty without labels, and where images may have several each.
    """
    if classes or counts.get("test"):  # without any label nothing is tested
        return dict(counts)
    unlabeled = counts.get("train", 0) + counts.get("unlabeled", 0)
    return {**counts, "train": 0, "unlabeled": unlabeled}
