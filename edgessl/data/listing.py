"""What a source of images contains before any file is opened: files, labels, splits."""

from __future__ import annotations

from dataclasses import dataclass
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
    """

    path: Path
    label: str | None
    split: SplitName
    tags: Tags | None = None


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
