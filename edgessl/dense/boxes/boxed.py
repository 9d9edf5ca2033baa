"""Images with boxes, split for training and testing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgessl.dense.images import DenseSet


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

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    @property
    def identity(self) -> bytes:
        """Contents of image and boxes."""
        values = (np.ascontiguousarray(one) for one in (self.boxes, self.labels, self.difficult))
        return self.digest.encode() + b"".join(one.tobytes() for one in values)


BoxSet = DenseSet[BoxedImage]
"""Images with boxes, split."""
