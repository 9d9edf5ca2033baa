"""One file of a data set to the square of pixels that views are cut from, and nearly back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.data.decode import ROOM, BadImage, Exchanged, decode, naming, read_bytes
from edgessl.data.known_files import forget
from edgessl.data.preprocess import FILTERS, Preprocess
from edgessl.data.value_range import ValueRange
from edgessl.errors import UserError


def squash(
    path: Path, digest: str, size_px: int, value_range: ValueRange | None = None
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Decode a file and squash it to a square: a pack holds these pixels, a stream makes them anew.

    Args:
        path: The file.
        digest: SHA-1 of the content it had when it was listed.
        size_px: S, the side of the square.
        value_range: What is black and white where a channel has more than 8 bits.

    Returns:
        ``(3, S, S)`` uint8, and the (height, width) of the upright original in pixels.

    Raises:
        UserError: The file has changed or is gone.
        EdgesslError: It cannot be read now.
    """
    try:
        content = read_bytes(path, digest)
        with naming(path), ROOM.held():
            # Twice the pack's size, so that the exact resize still does the last halving.
            image, size = decode(content, 2 * size_px, value_range)
            squashed = image.resize((size_px, size_px), Image.Resampling.BICUBIC)
            del image
    except Exchanged:
        forget(path)  # or it would be taken for the same again, if nothing else tells
        raise
    except BadImage as bad:
        raise UserError(
            f"{path}: must stay as it was when it was listed, got: {bad}; start again"
        ) from bad
    return np.ascontiguousarray(np.asarray(squashed).transpose(2, 0, 1)), size


def unsquash(
    packed: NDArray[np.uint8], size: tuple[int, int], preprocess: Preprocess
) -> NDArray[np.uint8]:
    """Give a packed image back its shape, under nearly the evaluation transform.

    Args:
        packed: ``(3, S, S)`` uint8.
        size: Height and width of the upright original.
        preprocess: The transform that is imitated.

    Returns:
        ``(3, crop_px, crop_px)`` uint8.
    """
    side = packed.shape[-1]
    share = min(1.0, preprocess.crop_px / preprocess.resize_px) * min(size)
    down, across = (0.5 * side * share / px for px in size)  # half the crop, in packed pixels
    middle = 0.5 * side
    box = (middle - across, middle - down, middle + across, middle + down)
    image = Image.fromarray(np.ascontiguousarray(packed.transpose(1, 2, 0)))
    crop = (preprocess.crop_px, preprocess.crop_px)
    resized = image.resize(crop, FILTERS[preprocess.interpolation], box)
    return np.asarray(resized).transpose(2, 0, 1)
