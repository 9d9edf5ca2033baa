"""Files of more than 8 bits a channel, as cameras, scanners and scientists write them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}


def shapes(seed: int, top: float, size: tuple[int, int] = (24, 32)) -> NDArray[np.float64]:
    """Return a smooth image ``(H, W)`` with values from 0 to about ``top``."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]] / max(size)
    wave = np.sin(9 * (x * draw.random() + y * draw.random()) + draw.random())
    noise = draw.random(size)
    mixed: NDArray[np.float64] = top * (0.4 * (wave + 1) + 0.2 * noise)
    return mixed


def save_png16(path: Path, values: NDArray[np.uint16]) -> Path:
    """Write ``(H, W)`` or ``(H, W, C)`` of 16 bits as PNG, which Pillow writes in grey only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = values.shape[:2]
    kind = _COLOURS[1 if values.ndim == 2 else values.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = b"".join(
        struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))
        for tag, data in parts
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


def save_tiff16(path: Path, values: NDArray[np.uint16], order: str = "<") -> Path:
    """Write ``(H, W, C)`` of 16 bits as an uncompressed TIFF of either byte order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width, channels = values.shape
    data = values.astype(f"{order}u2").tobytes()
    bits_at = 8 + len(data)
    table_at = bits_at + 2 * channels

    def entry(tag: int, kind: int, count: int, value: int) -> bytes:
        short = kind == 3 and count == 1
        tail = struct.pack(order + ("HH" if short else "I"), *((value, 0) if short else (value,)))
        return struct.pack(order + "HHI", tag, kind, count) + tail

    entries = [
        entry(256, 3, 1, width), entry(257, 3, 1, height), entry(258, 3, channels, bits_at),
        entry(259, 3, 1, 1), entry(262, 3, 1, 2), entry(273, 4, 1, 8), entry(277, 3, 1, channels),
        entry(278, 3, 1, height), entry(279, 4, 1, len(data)),
        *([entry(338, 3, 1, 2)] if channels == 4 else []),
    ]  # fmt: skip
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, table_at)
    bits = struct.pack(f"{order}{channels}H", *[16] * channels)
    table = struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)
    path.write_bytes(head + data + bits + table)
    return path


def save_float(path: Path, values: NDArray[np.float64]) -> Path:
    """Write ``(H, W)`` as a TIFF of 32-bit floats."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.float32)).save(path)
    return path
