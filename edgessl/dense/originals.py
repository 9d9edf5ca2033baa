"""The images of a dense task, read as training and evaluation want them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgessl.data.decode import ROOM, BadImage, read_image
from edgessl.data.pack import build_pack
from edgessl.data.parallel import ordered_map
from edgessl.data.store import MappedStore, MemoryStore
from edgessl.dense.square import Square
from edgessl.errors import UserError
from edgessl.reporter import Reporter

PACK_SHARE = 1.25  # side of packed images to the network's: zooming in by as much blurs nothing
IN_RAM_BYTES = 4 * 2**30


class Listed(Protocol):
    """An image file that was listed."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    @property
    def digest(self) -> str:
        """SHA-1 of its content."""
        ...


def pack_px(input_px: int) -> int:
    """Return the side of packed images, somewhat larger than what the network sees."""
    return int(np.ceil(PACK_SHARE * input_px / 32) * 32)


def packed(
    images: Sequence[Listed], input_px: int, reporter: Reporter
) -> MemoryStore | MappedStore:
    """Return images squashed to a square that is somewhat larger than what the network sees."""
    side = pack_px(input_px)
    pack = build_pack(
        [one.path for one in images], [one.digest for one in images], side,
        progress=lambda done, total: reporter.progress("packing images", done, total),
        say=reporter.say,
    )  # fmt: skip
    fits = 3 * side**2 * len(images) <= IN_RAM_BYTES
    return MemoryStore.of(pack) if fits else MappedStore(pack)


def pixels_of(
    images: Sequence[Listed], square: Square,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> NDArray[np.uint8]:
    """Read originals under the evaluation transform, ``(I, 3, S, S)``.

    Raises:
        UserError: A file is not what it was.
    """

    def read(image: Listed) -> NDArray[np.uint8]:
        try:
            with ROOM.held():
                return square.pixels(read_image(image.path, digest=image.digest))
        except BadImage as bad:
            raise UserError(f"{image.path}: must be an image, got: {bad}; replace it") from bad

    out = np.empty((len(images), 3, square.input_px, square.input_px), np.uint8)
    for i, one in enumerate(ordered_map(read, images)):
        out[i] = one
        progress(i + 1, len(images))
    return out
