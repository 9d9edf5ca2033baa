"""One file of a data set to the square of pixels that views are cut from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.data.decode import BadImage, decode, read_bytes
from edgessl.errors import UserError


def squash(path: Path, digest: str, size_px: int) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Decode a file and squash it to a square: a pack holds these pixels, a stream makes them anew.

    Args:
        path: The file.
        digest: SHA-1 of the content it had when it was listed.
        size_px: S, the side of the square.

    Returns:
        ``(3, S, S)`` uint8, and the (height, width) of the upright original in pixels.

    Raises:
        UserError: The file has changed or is gone.
    """
    try:
        content = read_bytes(path)
        if hashlib.sha1(content, usedforsecurity=False).hexdigest() != digest:
            raise BadImage("its content is not what it was")
        # Twice the pack's size, so that the exact resize still does the last halving.
        image, size = decode(content, at_least_px=2 * size_px)
    except BadImage as bad:
        raise UserError(
            f"{path}: must stay as it was when it was listed, got: {bad}; start again"
        ) from bad
    squashed = image.resize((size_px, size_px), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(squashed).transpose(2, 0, 1)), size
