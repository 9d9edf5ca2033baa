"""What the user typed after ``--data``: a folder, a CSV manifest, or the name of a set."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from edgessl.data.demo import list_demo
from edgessl.data.folders import list_folder
from edgessl.data.listing import Listing
from edgessl.data.manifest import list_manifest
from edgessl.data.named import NAMED, list_named, recognise
from edgessl.errors import UserError


def names() -> dict[str, str]:
    """Return every name that ``--data`` knows, with a line about the set."""
    about = {"demo": "12 classes: drawn textures, 64 px; 1200 + 360 images, no download"}
    for name, known in NAMED.items():
        split = f"{known.train} + {known.test}" if known.test else f"{known.train}"
        got = "download" if known.dataset else "from its own page"
        size = f"{split} images, {known.download_mb} MB {got}"
        about[name] = f"{known.classes} classes: {known.about}; {size}"
    return about


def list_source(data: str, *, download: bool = True) -> Listing:
    """List the images of a source, without opening them.

    A folder of that name comes before a named set, so that nothing is downloaded by surprise.

    Args:
        data: What stands after ``--data`` or ``--labels``.
        download: Whether a named set that is not on this machine may be fetched.

    Raises:
        UserError: There is no such source, it cannot be used, or it may not be downloaded.
        EdgesslError: A named set is missing and cannot be downloaded.
    """
    path = Path(data).expanduser()
    if path.is_dir():
        listing = recognise(path) or list_folder(path)
        if data in names():
            note = f"The folder {path.absolute()} is read, not the named set of that name."
            return replace(listing, notes=(*listing.notes, note))
        return listing
    if path.is_file():
        return list_manifest(path)
    if data == "demo":
        return list_demo()
    if data in NAMED:
        return list_named(data, may_download=download)
    close = get_close_matches(data, list(names()), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(names())}"
    raise UserError(
        f"--data: must be a folder, a CSV manifest or a named set, got '{data}', "
        f"which is neither here nor known; {hint}"
    )
