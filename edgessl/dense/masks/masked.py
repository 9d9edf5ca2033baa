"""Images with a class for each pixel, split for training and testing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.data.decode import read_bytes
from edgessl.dense.images import DenseSet
from edgessl.errors import UserError

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

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    @property
    def identity(self) -> bytes:
        """Contents of image and mask."""
        return f"{self.digest}{self.mask_digest}".encode()


MaskSet = DenseSet[MaskedImage]
"""Images with masks, split."""


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
