"""Every image decoded once, to S x S uint8, in one memory-mapped file that training reads."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.data.cache import appearing, cache_part
from edgessl.data.decode import BadImage, decode, read_bytes
from edgessl.data.parallel import Progress, ordered_map
from edgessl.errors import UserError

_VERSION = 1  # raise it when the same file would give other pixels
_MAGIC = b"edgessl.pack\x00\x00\x00\x01"  # 16 bytes, so that what follows is aligned
_CHECKED_BYTES = 2**28  # an evenly spaced part of a larger pack is checked, to open it at once


@dataclass(frozen=True, slots=True)
class Pack:
    """Decoded images in the order of the paths they were built from.

    Attributes:
        images: ``(N, 3, S, S)`` uint8, memory-mapped and read-only. Squashed to a square: the box
            (top, left, height, width) of an image is the same box in shares of S.
        sizes: ``(N, 2)`` int32, height and width in pixels of the upright original.
        path: The file in the cache.
    """

    images: NDArray[np.uint8]
    sizes: NDArray[np.int32]
    path: Path


def build_pack(
    paths: Sequence[Path],
    digests: Sequence[str],
    size_px: int,
    *,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda _sentence: None,
) -> Pack:
    """Decode images into the cache, or open the pack that is already there.

    Args:
        paths: The files, which must be sound.
        digests: SHA-1 of each file's content; with ``size_px`` they name the pack.
        size_px: S, the side of the packed images.
        progress: Called with (done, total) while images are decoded.
        say: Called with a sentence when a damaged pack is built anew.

    Raises:
        UserError: A file has changed since it was listed, or the cache is full or not writable.
    """
    place = cache_part("packs") / f"{_name(digests, size_px)}.pack"
    if place.exists():
        pack = _open(place, len(paths), size_px)
        if pack is not None:
            return pack
        say(f"the pack {place.name} in the cache is damaged; it is built again")
    with appearing(place) as temporary, temporary.open("wb") as file:
        _write(file, paths, digests, size_px, progress)
    built = _open(place, len(paths), size_px)
    if built is None:
        raise UserError(f"{place}: must read back as written; check the disk")
    return built


def _write(
    file: BinaryIO,
    paths: Sequence[Path],
    digests: Sequence[str],
    size_px: int,
    progress: Progress | None,
) -> None:
    # Plain writes: on a full disk they raise, where a memory-mapped one kills the process.
    sizes = np.zeros((len(paths), 2), np.int32)
    checks = np.zeros(len(paths), np.uint32)
    file.write(_MAGIC)
    packed = ordered_map(lambda item: _pack_one(*item, size_px), zip(paths, digests, strict=True))
    for i, (pixels, size) in enumerate(packed):
        file.write(pixels)
        sizes[i], checks[i] = size, zlib.crc32(pixels)
        if progress is not None:
            progress(i + 1, len(paths))
    tail = sizes.tobytes() + checks.tobytes()
    file.write(tail + zlib.crc32(tail).to_bytes(4, "little"))
    file.flush()


def _pack_one(path: Path, digest: str, size_px: int) -> tuple[bytes, tuple[int, int]]:
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
    return np.asarray(squashed).transpose(2, 0, 1).tobytes(), size


def _open(place: Path, count: int, size_px: int) -> Pack | None:
    """Open a pack; None if it is not whole."""
    image_bytes = 3 * size_px * size_px
    start, end = len(_MAGIC), len(_MAGIC) + count * image_bytes
    if place.stat().st_size != end + 12 * count + 4:
        return None
    raw = np.memmap(place, np.uint8, "r")
    tail = raw[end:-4].tobytes()
    if zlib.crc32(tail) != int.from_bytes(raw[-4:].tobytes(), "little"):
        return None
    sizes = np.frombuffer(tail[: 8 * count], np.int32).reshape(count, 2)
    checks = np.frombuffer(tail[8 * count :], np.uint32)
    images = raw[start:end].reshape(count, 3, size_px, size_px)
    stride = 1 + count * image_bytes // _CHECKED_BYTES
    sound = all(zlib.crc32(images[i]) == checks[i] for i in range(0, count, stride))
    return Pack(images, sizes, place) if sound and raw[:start].tobytes() == _MAGIC else None


def _name(digests: Sequence[str], size_px: int) -> str:
    key = f"{_VERSION} {size_px} {' '.join(digests)}"
    return f"{hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()[:20]}-{size_px}"
