"""Images with boxes, split for training and testing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


@dataclass(frozen=True, slots=True, eq=False)
class BoxedImage:
    """One image and the boxes in it.

    Attributes:
        path: The file.
        digest: SHA-1 of its content.
        height: Upright, in pixels.
        width: The same.
        boxes: Left, top, right, bottom in pixels from the image's corner, ``(N, 4)`` float32.
        labels: Class of each box, ``(N,)`` int64.
        difficult: Boxes that a detector is not judged by, ``(N,)``: VOC's difficult ones, COCO's
            crowds.
    """

    path: Path
    digest: str
    height: int
    width: int
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    difficult: NDArray[np.bool_]

    @property
    def shares(self) -> NDArray[np.float32]:
        """Its boxes as shares of width and height, ``(N, 4)``."""
        sides = np.array([self.width, self.height] * 2, np.float32)
        return self.boxes / sides


@dataclass(frozen=True, slots=True)
class BoxSet:
    """What the user has.

    Attributes:
        name: Short name, used for the run folder.
        source: What the user passed, absolute.
        layout: How it was read, in words.
        classes: Class names in label order.
        train: Images to train on.
        val: Every choice is made on them.
        test: Read once, at the end.
        left_out: Boxes and files that are not used: where, and the reason.
        notes: What was decided on the way, one sentence each.
    """

    name: str
    source: str
    layout: str
    classes: tuple[str, ...]
    train: tuple[BoxedImage, ...]
    val: tuple[BoxedImage, ...]
    test: tuple[BoxedImage, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = field(default=())

    def split(self, name: SplitName) -> tuple[BoxedImage, ...]:
        """Return a split by its name."""
        return {"train": self.train, "val": self.val, "test": self.test}[name]

    @property
    def fingerprint(self) -> str:
        """Hash of classes, splits, contents and boxes."""
        hasher = hashlib.sha1(repr(self.classes).encode(), usedforsecurity=False)
        for name in SPLITS:
            hasher.update(name.encode())
            for image in self.split(name):
                hasher.update(image.digest.encode())
                for values in (image.boxes, image.labels, image.difficult):
                    hasher.update(np.ascontiguousarray(values).tobytes())
        return hasher.hexdigest()
