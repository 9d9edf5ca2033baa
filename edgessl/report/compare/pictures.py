"""Test images inside the page."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from pathlib import Path

from edgessl.data.decode import BadImage, digest_of, read_bytes, read_image
from edgessl.errors import EdgesslError

_SIDE = 112


def thumbnail(path: str, digest: str) -> str:
    """Return a small copy of an image as a ``data:`` address.

    Args:
        path: Where it was when it was scored.
        digest: The beginning of its SHA-1.

    Returns:
        Empty where it is there no more, or is another one now.
    """
    try:
        if not digest_of(read_bytes(Path(path))).startswith(digest):
            return ""
        image = read_image(Path(path))
    except (BadImage, EdgesslError, OSError, ValueError):
        return ""
    image.thumbnail((_SIDE, _SIDE))
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode("ascii")
