"""Images with answers at places, split for training and testing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


class DenseImage(Protocol):
    """One image, and what is annotated in it."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    @property
    def digest(self) -> str:
        """SHA-1 of its content."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright image in pixels."""
        ...

    @property
    def identity(self) -> bytes:
        """Contents of image and annotation: what makes it this one and no other."""
        ...


Image = TypeVar("Image", bound=DenseImage)


@dataclass(frozen=True)  # with slots, Python 3.11 cannot call it by its alias
class DenseSet(Generic[Image]):
    """What the user has.

    Attributes:
        name: Short name, used for the run folder.
        source: What the user passed, absolute.
        layout: How it was read, in words.
        classes: Class names in label order.
        train: Images to train on.
        val: Every choice is made on them.
        test: Read once, at the end.
        left_out: What is not used: where, and the reason.
        notes: What was decided on the way, one sentence each.
    """

    name: str
    source: str
    layout: str
    classes: tuple[str, ...]
    train: tuple[Image, ...]
    val: tuple[Image, ...]
    test: tuple[Image, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def split(self, name: SplitName) -> tuple[Image, ...]:
        """Return a split by its name."""
        return {"train": self.train, "val": self.val, "test": self.test}[name]

    @property
    def fingerprint(self) -> str:
        """Hash of classes, splits and contents."""
        hasher = hashlib.sha1(repr(self.classes).encode(), usedforsecurity=False)
        for name in SPLITS:
            hasher.update(name.encode())
            for image in self.split(name):
                hasher.update(image.identity)
        return hasher.hexdigest()
