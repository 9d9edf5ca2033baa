"""Images that are stored as arrays of bytes in NumPy's own format."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAGIC = b"\x93NUMPY"
"""How such a file begins."""
_COLOURS = 3


def bytes_of_array(content: bytes) -> NDArray[np.uint8]:
    """Read an array of bytes, rows by columns by planes.

    Args:
        content: Of a file.

    Returns:
        ``(H, W, C)`` with at least three planes: red, green, blue, and others.

    Raises:
        ValueError: It is something else.
    """
    stream = BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"an array in version {version[0]}.{version[1]} of the format, not 1.0")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype != np.uint8 or by_columns or len(shape) != 3 or shape[2] < _COLOURS:
        told = "x".join(map(str, shape))
        raise ValueError(f"an array of {told} {dtype}, not of rows x columns x colours in bytes")
    left = memoryview(content)[stream.tell() :]
    if len(left) != shape[0] * shape[1] * shape[2]:
        raise ValueError(f"an array of {len(left)} bytes, which are not those of its shape")
    return np.frombuffer(left, dtype=np.uint8).reshape(shape)


def image_of_array(content: bytes) -> Image.Image:
    """Read the first three planes as red, green and blue.

    Args:
        content: Of a file.

    Raises:
        ValueError: It is no such array.
    """
    return Image.fromarray(np.ascontiguousarray(bytes_of_array(content)[:, :, :_COLOURS]))
