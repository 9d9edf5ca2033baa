"""What the user typed after ``--data``: a folder, a CSV manifest, or the name of a set."""

from __future__ import annotations

from pathlib import Path

from edgessl.data.demo import list_demo
from edgessl.data.folders import list_folder
from edgessl.data.listing import Listing
from edgessl.data.manifest import list_manifest
from edgessl.errors import UserError


def list_source(data: str) -> Listing:
    """List the images of a source, without opening them.

    Args:
        data: What stands after ``--data`` or ``--labels``.

    Raises:
        UserError: There is no such source, or it cannot be used.
        EdgesslError: A named set is missing and cannot be downloaded.
    """
    path = Path(data).expanduser()
    if path.is_dir():
        return list_folder(path)
    if path.is_file():
        return list_manifest(path)
    if data == "demo":
        return list_demo()
    raise UserError(f"--data: must be a folder, a CSV manifest or a named set, got '{data}'")
