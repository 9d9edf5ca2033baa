"""Names that may become classes: they stand one a line in files, on terminals and in pages."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from edgessl.data.dataset import Listing
from edgessl.errors import UserError
from edgessl.names import trouble_with as trouble_with

_SHOWN = 5


def class_name(written: str) -> str:
    """Return the class that a folder name stands for; macOS spells accents in another way."""
    return unicodedata.normalize("NFC", written)


def refuse_unprintable(listing: Listing) -> None:
    """Refuse classes whose names would break lines, move a terminal's cursor, or cannot be written.

    Args:
        listing: All images of a source.

    Raises:
        UserError: There are such names; they are shown as Python writes them, with an image each.
    """
    if trouble := trouble_with(listing.name):
        raise UserError(
            f"{listing.source!a}: the name of the data {trouble}, got {listing.name!a}; "
            "rename it"
        )
    found: dict[str, str] = {}
    for entry in listing.entries:
        for name in _names(entry.label, *((entry.tags.shown, entry.tags.difficult)
                                          if entry.tags else ())):
            if name not in found and trouble_with(name):
                found[name] = ascii(str(entry.path))
    if not found:
        return
    lines = [
        f"  {name!a}, as of {place}: {trouble_with(name)}"
        for name, place in list(found.items())[:_SHOWN]
    ]
    if len(found) > _SHOWN:
        lines.append(f"  and {len(found) - _SHOWN} more")
    raise UserError(
        f"{listing.source}: {len(found)} class name(s) cannot be used; rename the folders or cells"
        " they come from\n" + "\n".join(lines)
    )


def _names(label: str | None, *tags: Iterable[str]) -> set[str]:
    return {name for names in tags for name in names} | ({label} if label is not None else set())
