"""Small copies of images as ``data:`` addresses: one by one, on one sheet, or under a heat map."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from functools import partial
from io import BytesIO
from math import ceil, sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from edgessl.data.decode import BadImage, read_image
from edgessl.data.parallel import ordered_map
from edgessl.data.value_range import ValueRange
from edgessl.diagnose.look import Heat
from edgessl.errors import UserError

THUMB_PX, TILE_PX, HEAT_PX = 88, 48, 112
_RAMP = ((0.0, (20, 16, 60)), (0.35, (120, 28, 109)), (0.65, (230, 90, 50)), (1.0, (250, 220, 90)))
"""Dark to bright, so that it also reads in grey."""
_FOUND, _GIVEN = (255, 255, 255), (0, 220, 130)


def address(image: Image.Image, quality: int = 80) -> str:
    """Return an image as a ``data:`` address.

    Args:
        image: RGB.
        quality: Of the JPEG.
    """
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode("ascii")


def thumbs(
    paths: Sequence[Path], side: int, value_range: ValueRange | None
) -> list[Image.Image]:
    """Return the middle square of images.

    Args:
        paths: The files.
        side: Of the squares in px.
        value_range: What is black and white where a channel has more than 8 bits.

    Raises:
        UserError: A file is no image any more.
    """
    return [*ordered_map(partial(_thumb, side=side, value_range=value_range), paths)]


def _thumb(path: Path, side: int, value_range: ValueRange | None) -> Image.Image:
    try:
        image = read_image(path, 2 * side, value_range=value_range)
    except BadImage as bad:
        raise UserError(f"{path}: must be an image, got: {bad}; replace it") from bad
    return ImageOps.fit(image, (side, side), Image.Resampling.BILINEAR)


def tiled(images: Sequence[Image.Image]) -> tuple[str, int, list[tuple[int, int]]]:
    """Put squares of ``TILE_PX`` on one sheet.

    Args:
        images: At least one.

    Returns:
        The sheet, its side in px, and where each image begins on it.
    """
    across = ceil(sqrt(len(images)))
    sheet = Image.new("RGB", (across * TILE_PX, across * TILE_PX))
    places = [(TILE_PX * (i % across), TILE_PX * (i // across)) for i in range(len(images))]
    for image, place in zip(images, places, strict=True):
        sheet.paste(image, place)
    return address(sheet, 72), across * TILE_PX, places


def heated(one: Heat) -> Image.Image:
    """Lay a heat map over its image, with the boxes.

    Args:
        one: The map: its box is white, given ones are green.
    """
    image = Image.fromarray(np.ascontiguousarray(one.pixels.transpose(1, 2, 0)))
    image = image.resize((HEAT_PX, HEAT_PX), Image.Resampling.BICUBIC)
    heat = np.asarray(
        Image.fromarray(one.heat).resize((HEAT_PX, HEAT_PX), Image.Resampling.BILINEAR)
    )[:, :, None]  # fmt: skip
    grey = np.asarray(ImageOps.grayscale(image).convert("RGB"), dtype=np.float32)
    share = 0.25 + 0.45 * heat
    mixed = grey * (1 - share) + _coloured(heat[:, :, 0]) * share
    found = Image.fromarray(mixed.clip(0, 255).astype(np.uint8))
    pen, scale = ImageDraw.Draw(found), HEAT_PX / one.pixels.shape[-1]
    outlines = [(box, _GIVEN) for box in one.given]
    if one.given and one.found is not None:
        outlines.append((one.found, _FOUND))
    for box, colour in outlines:
        left, top, right, bottom = (side * scale for side in box)
        pen.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=colour,
                      width=2)  # fmt: skip
    return found


def _coloured(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    at = [share for share, _ in _RAMP]
    channels = [np.interp(heat, at, [colour[i] for _, colour in _RAMP]) for i in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)
