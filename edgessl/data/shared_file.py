"""Memory that this process shares with the ones it starts; it is gone when the last of them is."""

from __future__ import annotations

import os
import tempfile
from typing import BinaryIO


def shared_file() -> BinaryIO:
    """Return an open, empty file without a name; pass its descriptor on, and map it."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("edgessl"), "rb+")
    return tempfile.TemporaryFile()
