"""The ``demo`` set: textures drawn on the fly, the same bytes on every machine.

The class is the pattern. It covers the whole image, so that every crop carries it. Colour,
brightness, scale, angle, place and warp vary freely within a class: raw pixels tell little, and a
network has to learn the pattern.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgessl.data.cache import appearing, cache_part
from edgessl.data.dataset import Listing
from edgessl.data.folders import list_folder
from edgessl.data.png import encode_png
from edgessl.data.textures import TEXTURES, Plane

SIDE_PX = 64
PER_CLASS = {"train": 100, "test": 30}

_VERSION = 1  # raise it when the drawing changes
_LUMA = np.array([0.299, 0.587, 0.114])
_MIN_CONTRAST = 0.3  # of 1, between the pattern's two main colours; not tuned


def list_demo() -> Listing:
    """List the demo set, drawing it into the cache on first use; that takes about two seconds.

    Raises:
        UserError: The cache is full or not writable.
    """
    folder = cache_part("demo") / f"v{_VERSION}"
    if not folder.is_dir():
        with appearing(folder) as temporary:
            _write(temporary)
    listing = list_folder(folder)
    return Listing("demo", "demo", listing.entries, listing.notes)


def draw(split: str, class_index: int, number: int) -> NDArray[np.uint8]:
    """Draw one image.

    Args:
        split: ``train`` or ``test``.
        class_index: Position in ``TEXTURES``.
        number: Which image of that class and split.

    Returns:
        ``(64, 64, 3)`` uint8.
    """
    key = (list(PER_CLASS).index(split), class_index, number)
    rng = np.random.Generator(np.random.PCG64(key))
    y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX].astype(np.float64)
    u, v, period_px = _place(x, y, rng)
    texture = list(TEXTURES.values())[class_index]
    mask = texture(u, v, rng.random(), 1.5 / period_px)[..., None]  # (H, W, 1)
    back, front, third = _colours(rng)
    blend = _slope(x, y, rng)[..., None]
    image = back * (1 - mask) + (front * (1 - blend) + third * blend) * mask  # (H, W, 3)
    image = _distract(image, x, y, rng)
    shade = 1 + _between(rng, -0.35, 0.35) * (2 * _slope(x, y, rng) - 1)
    noise = (2 * rng.random(image.shape) - 1) * _between(rng, 0.02, 0.10)
    return np.rint(np.clip(image * shade[..., None] + noise, 0, 1) * 255).astype(np.uint8)


def _place(x: Plane, y: Plane, rng: np.random.Generator) -> tuple[Plane, Plane, float]:
    """Turn, scale, shift and bend the plane: pixels -> periods."""
    cos, sin = _direction(rng)
    period_px = _between(rng, 8.0, 16.0)
    stretch = _between(rng, 0.9, 1.1)
    u = (cos * x + sin * y) / period_px * stretch + _between(rng, 0, 8)
    v = (cos * y - sin * x) / period_px / stretch + _between(rng, 0, 8)
    bend, bow = _between(rng, -1, 1), _between(rng, -1, 1)
    across, along = x / (SIDE_PX - 1) - 0.5, y / (SIDE_PX - 1) - 0.5
    return u + bend * along * along, v + bow * across * across, period_px


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    # rng.uniform may fuse the product and the sum, on some machines only.
    return low + (high - low) * rng.random()


def _direction(rng: np.random.Generator) -> tuple[float, float]:
    """A cosine and sine, without calling them: half-angle formula, from -90 to 90 degrees."""
    half = _between(rng, -1, 1)
    return (1 - half * half) / (1 + half * half), 2 * half / (1 + half * half)


def _slope(x: Plane, y: Plane, rng: np.random.Generator) -> Plane:
    """A ramp across the image in a random direction, in [0, 1]."""
    cos, sin = _direction(rng)
    ramp = cos * x + sin * y
    slope: Plane = (ramp - ramp.min()) / (ramp.max() - ramp.min())
    return slope if rng.integers(2) else 1 - slope


def _colours(rng: np.random.Generator) -> NDArray[np.float64]:
    """Three colours ``(3, 3)`` in [0, 1]; the last two differ from the first in brightness."""
    while True:
        colours = rng.random((3, 3))
        back, front, third = (colours * _LUMA).sum(axis=1)
        if min(front - back, third - back) > _MIN_CONTRAST:
            return colours
        if max(front - back, third - back) < -_MIN_CONTRAST:
            return colours


def _distract(image: Plane, x: Plane, y: Plane, rng: np.random.Generator) -> Plane:
    """Put a disc, or a corner of something else, over up to an eighth of the image."""
    cos, sin = _direction(rng)
    if rng.integers(2):
        centre_x, centre_y = _between(rng, 0, SIDE_PX), _between(rng, 0, SIDE_PX)
        radius = _between(rng, 5, 11)
        cover = radius - np.sqrt((x - centre_x) ** 2 + (y - centre_y) ** 2)
    else:
        ramp = cos * x + sin * y
        low, high = ramp.min(), ramp.max()
        cover = low + (high - low) * _between(rng, 0.05, 0.25) - ramp
    cover = np.clip(cover + 0.5, 0, 1)[..., None]  # (H, W, 1)
    blend = _slope(x, y, rng)[..., None]
    paint = rng.random(3) * (1 - blend) + rng.random(3) * blend
    return image * (1 - cover) + paint * cover


def _write(folder: Path) -> None:
    for split, count in PER_CLASS.items():
        for index, name in enumerate(TEXTURES):
            place = folder / split / name
            place.mkdir(parents=True)
            for number in range(count):
                (place / f"{number:03d}.png").write_bytes(encode_png(draw(split, index, number)))
