"""The file format of a pack: pixels, then sizes and a checksum of every image.

It grows under another name beside a log of what was written, so that a build which was stopped,
however hard, goes on from the last image that is whole.

======================  ==========================================================
16 bytes                what the file is
``N * 3 * S * S``       pixels, ``(N, 3, S, S)`` uint8
``N * 8``               height and width of the originals, ``(N, 2)`` int32
``N * 4``               CRC-32 of each image's pixels, ``(N,)`` uint32
4 bytes                 CRC-32 of the sizes and checksums
======================  ==========================================================
"""

from __future__ import annotations

import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from edgessl.data.cache import cache_root

_MAGIC = b"edgessl.pack\x00\x00\x00\x01"  # 16 bytes, so that what follows is aligned
_CHECKED_BYTES = 2**28  # an evenly spaced part of a larger pack is checked, to open it at once
_RECORD = np.dtype([("size", np.int32, (2,)), ("check", np.uint32)])


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

    @property
    def offset(self) -> int:
        """Where the pixels begin in the file, in bytes."""
        return len(_MAGIC)

    def read(self, first: int, out: NDArray[np.uint8]) -> None:
        """Read consecutive images with plain reads, which count no mapped page as memory.

        Args:
            first: The first image.
            out: Where they go, ``(n, 3, S, S)`` uint8, contiguous.

        Raises:
            OSError: The file ends too soon or cannot be read.
        """
        with self.path.open("rb", buffering=0) as file:
            file.seek(len(_MAGIC) + first * int(np.prod(self.images.shape[1:])))
            _fill(file, out.reshape(-1).data)


def pack_bytes(count: int, size_px: int) -> int:
    """Return the size of the file of a pack.

    Args:
        count: Images, N.
        size_px: Their side, S.
    """
    return len(_MAGIC) + count * (3 * size_px * size_px + 12) + 4


def images_in(size_bytes: int, size_px: int, *, finished: bool) -> int:
    """Return how many images a pack of a size holds.

    Args:
        size_bytes: Size of its file.
        size_px: Side of its images.
        finished: Whether the file has sizes and checksums at its end.
    """
    each = 3 * size_px * size_px + (12 if finished else 0)
    return max(0, size_bytes - len(_MAGIC)) // each


def open_pack(place: Path, count: int, size_px: int) -> Pack | None:
    """Open a pack; None if it is not whole.

    Args:
        place: The file.
        count: Images that it must hold, N.
        size_px: Their side, S.

    Raises:
        OSError: The file cannot be read.
    """
    image_bytes = 3 * size_px * size_px
    end = len(_MAGIC) + count * image_bytes
    with place.open("rb", buffering=0) as file:
        if os.fstat(file.fileno()).st_size != pack_bytes(count, size_px):
            return None
        magic = file.read(len(_MAGIC))
        file.seek(end)
        tail = bytearray(12 * count + 4)
        _fill(file, memoryview(tail))
        if magic != _MAGIC or zlib.crc32(tail[:-4]) != int.from_bytes(tail[-4:], "little"):
            return None
        sizes = np.frombuffer(bytes(tail[: 8 * count]), np.int32).reshape(count, 2)
        checks = np.frombuffer(tail, np.uint32, count, 8 * count)
        pixels = memoryview(bytearray(image_bytes))
        for i in range(0, count, 1 + count * image_bytes // _CHECKED_BYTES):
            file.seek(len(_MAGIC) + i * image_bytes)
            _fill(file, pixels)
            if zlib.crc32(pixels) != checks[i]:
                return None
    images = np.memmap(place, np.uint8, "r", len(_MAGIC), (count, 3, size_px, size_px))
    return Pack(images, sizes, place)


def logged(log: Path) -> int:
    """Return how many images the log of an unfinished pack knows; 0 if there is none."""
    try:
        return log.stat().st_size // _RECORD.itemsize
    except OSError:
        return 0


class PackWriter:
    """Appends images to an unfinished pack.

    Args:
        file: The unfinished pack, open to read and write, and nobody else's.
        log: Remembers sizes and checksums until the pack is finished.
        count: Images that the pack will hold.
        size_px: Their side.

    Attributes:
        done: Images that are in it and whole.
    """

    def __init__(self, file: BinaryIO, log: BinaryIO, count: int, size_px: int) -> None:
        self._file = file
        self._log = log
        self._image_bytes = 3 * size_px * size_px
        self._records = np.zeros(count, _RECORD)
        self.done = self._recover()
        self._log.truncate(self.done * _RECORD.itemsize)
        self._log.seek(0, os.SEEK_END)
        self._file.truncate(len(_MAGIC) + self.done * self._image_bytes if self.done else 0)
        self._file.seek(0, os.SEEK_END)
        if not self.done:
            self._file.write(_MAGIC)

    def append(self, pixels: NDArray[np.uint8], size: tuple[int, int]) -> None:
        """Write one image.

        Plain writes: on a full disk they raise, where a memory-mapped one kills the process. The
        log comes second, so that it never knows an image that is not there.

        Args:
            pixels: ``(3, S, S)`` uint8.
            size: Height and width of the original.
        """
        content = pixels.tobytes()
        record = self._records[self.done : self.done + 1]
        record["size"], record["check"] = size, zlib.crc32(content)
        self._file.write(content)
        self._file.flush()
        self._log.write(_line(record).tobytes())
        self._log.flush()
        self.done += 1

    def finish(self) -> None:
        """Write sizes and checksums, and flush everything to the disk."""
        sizes, checks = self._records["size"], self._records["check"]
        tail = np.ascontiguousarray(sizes).tobytes() + np.ascontiguousarray(checks).tobytes()
        self._file.write(tail + zlib.crc32(tail).to_bytes(4, "little"))
        self._file.flush()
        os.fsync(self._file.fileno())

    def _recover(self) -> int:
        """Read what an earlier build left, up to the first image that is not as it was logged."""
        self._file.seek(0)
        known = np.frombuffer(self._log.read(), np.uint8)
        known = known[: len(known) // _RECORD.itemsize * _RECORD.itemsize]
        records = known.view(_RECORD)[: len(self._records)]
        if self._file.read(len(_MAGIC)) != _MAGIC:
            return 0
        for i, line in enumerate(records):
            content = self._file.read(self._image_bytes)
            record = self._records[i : i + 1]
            record["size"], record["check"] = line["size"], zlib.crc32(content)
            if len(content) != self._image_bytes or _line(record)[0] != line:
                return i
        return len(records)


def _line(record: NDArray[np.void]) -> NDArray[np.void]:
    """Return what the log says of an image: its size, and a checksum of pixels and size."""
    line = record.copy()
    line["check"] = zlib.crc32(record["size"].tobytes(), int(record["check"][0]))
    return line


def _fill(file: BinaryIO, out: memoryview) -> None:
    while len(out):
        count = file.readinto(out)  # type: ignore[attr-defined]  # of every binary file
        if not count:
            raise OSError("the file ends too soon")
        out = out[count:]


_FINISHED = re.compile(r"[0-9a-f]+-(\d+)\.pack")
_UNFINISHED = re.compile(r"\.[0-9a-f]+-(\d+)\.pack\.part")


@dataclass(frozen=True, slots=True)
class ListedPack:
    """One pack in the cache.

    Attributes:
        name: Its file.
        size_px: Side of its images.
        images: How many it holds.
        bytes: Its size.
        finished: Whether it is whole; otherwise the next run with these images goes on with it.
    """

    name: str
    size_px: int
    images: int
    bytes: int
    finished: bool


def list_packs() -> list[ListedPack]:
    """Return the packs in the cache, largest first; their content is not looked at."""
    folder = cache_root() / "packs"
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        match = _FINISHED.fullmatch(path.name) or _UNFINISHED.fullmatch(path.name)
        if match and path.is_file():
            size_px, size = int(match[1]), path.stat().st_size
            finished = path.suffix == ".pack"
            images = images_in(size, size_px, finished=finished)
            found.append(ListedPack(path.name, size_px, images, size, finished))
    return sorted(found, key=lambda pack: (-pack.bytes, pack.name))
