"""Uncompressed PNG: what zlib makes of pixels depends on its build, these bytes never change."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

_BLOCK = 65535  # bytes, the most that one stored block of a zlib stream holds


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode an image.

    Args:
        pixels: ``(H, W, 3)`` RGB.

    Returns:
        The content of a PNG file.
    """
    height, width = pixels.shape[:2]
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)  # filter 0 on every line
    blocks = [lines[i : i + _BLOCK] for i in range(0, len(lines), _BLOCK)]
    stored = b"".join(_stored(block, block is blocks[-1]) for block in blocks)
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\x00\x00\x00"
    data = b"\x78\x01" + stored + zlib.adler32(lines).to_bytes(4, "big")
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _stored(block: bytes, last: bool) -> bytes:
    sizes = len(block).to_bytes(2, "little") + (len(block) ^ 0xFFFF).to_bytes(2, "little")
    return bytes([last]) + sizes + block


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + kind + content + check
