"""Images with a class for each pixel, split for training and testing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.data.decode import read_bytes
from edgessl.errors import UserError

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")
VOID = 255
"""In memory: pixels without a class, which nothing is learned of or judged by."""


@dataclass(frozen=True, slots=True)
class MaskedImage:
    """One image and its mask.

    Attributes:
        path: The image.
        digest: SHA-1 of its content.
        height: Upright, in pixels.
        width: The same.
        mask: The mask.
        mask_digest: SHA-1 of its content.
    """

    path: Path
    digest: str
    height: int
    width: int
    mask: Path
    mask_digest: str


@dataclass(frozen=True, slots=True)
class MaskSet:
    """What the user has.

    Attributes:
        name: Short name, used for the run folder.
        source: What the user passed, absolute.
        classes: Class names; a mask's value is a place in them, all others are void.
        train: Images to train on.
        val: Every choice is made on them.
        test: Read once, at the end.
        left_out: Files that are not used, and why.
        notes: What was decided on the way, one sentence each.
    """

    name: str
    source: str
    classes: tuple[str, ...]
    train: tuple[MaskedImage, ...]
    val: tuple[MaskedImage, ...]
    test: tuple[MaskedImage, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def split(self, name: SplitName) -> tuple[MaskedImage, ...]:
        """Return a split by its name."""
        return {"train": self.train, "val": self.val, "test": self.test}[name]

    @property
    def fingerprint(self) -> str:
        """Hash of classes, splits, images and masks."""
        hasher = hashlib.sha1(repr(self.classes).encode(), usedforsecurity=False)
        for name in SPLITS:
            hasher.update(name.encode())
            for image in self.split(name):
                hasher.update(f"{image.digest}{image.mask_digest}".encode())
        return hasher.hexdigest()


def read_mask(path: Path, classes: int, digest: str | None = None) -> NDArray[np.uint8]:
    """Read a mask: ``(H, W)``, a class or ``VOID`` for each pixel.

    Args:
        path: A file of one channel: grey or palette.
        classes: Number of classes ``K``; values from it on are void.
        digest: SHA-1 that it had when it was listed; None if nobody relies on that.

    Raises:
        UserError: It is no such file.
        BadImage: It cannot be read.
    """
    read_bytes(path, digest)
    try:
        with Image.open(path) as image:
            mode = image.mode
            values = np.asarray(image)
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"{path}: must be a mask, got '{str(error)[:80]}'; repair it") from error
    if mode not in ("L", "P", "1", "I", "I;16") or values.ndim != 2:
        raise UserError(
            f"{path}: must be a mask of one channel with a class's number for each pixel, got mode "
            f"{mode}; save it as a grey or palette PNG"
        )
    mask: NDArray[np.uint8] = np.where(values < classes, values, VOID).astype(np.uint8)
    return mask
