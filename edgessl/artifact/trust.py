"""Which files of PyTorch's program formats may be opened: those formats run what is in them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from edgessl.errors import UserError

MANIFEST = "manifest.json"


def read_trusted(path: Path, *, trust: bool) -> bytes:
    """Read a file that runs code when it is opened, if someone answers for it.

    What is checked is what is returned: nobody can change the file in between.

    Args:
        path: A ``.pt2`` or ``.torchscript`` file.
        trust: Whether the user answers for it; else ``manifest.json`` beside it must list its
            SHA-256, as an export writes it.

    Raises:
        UserError: The file is missing, or nobody answers for it.
    """
    if not path.is_file():
        raise UserError(f"{path}: must be a {path.suffix} file, found none; check the path")
    content = path.read_bytes()
    if trust:
        return content
    listed = listed_sha256(path)
    if listed == hashlib.sha256(content).hexdigest():
        return content
    found = "one that it does not list" if listed is None else "another sha256"
    if not (path.parent / MANIFEST).is_file():
        found = "one without"
    raise UserError(
        f"{path}: must be a file whose sha256 is in the {MANIFEST} beside it, as `edgessl export` "
        f"writes it, because opening a {path.suffix} file runs what its maker put in it, got "
        f"{found}; pass the .onnx file instead, or --trust (in Python trust=True) if you trust "
        "its maker"
    )


def listed_sha256(path: Path) -> str | None:
    """Return the SHA-256 that the manifest beside a file has for it; None if it has none.

    Args:
        path: The file; it need not exist.
    """
    try:
        document: Any = json.loads((path.parent / MANIFEST).read_text(encoding="utf-8"))
        found = document["files"][path.name]["sha256"]
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None
    return found if isinstance(found, str) else None
