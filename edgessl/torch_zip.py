"""The zip archives that torch writes: stored, and the same to every reader. Needs no torch."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator


def plain_members(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """Yield the members of an archive of which every reader sees the same.

    Args:
        archive: Of torch.

    Raises:
        ValueError: A member is compressed, two have names that one reader or another would take
            for the same, or something stands before the first: Python finds an archive behind
            another, where torch finds the other.
    """
    seen: set[str] = set()
    for info in archive.infolist():
        if info.compress_type != zipfile.ZIP_STORED:  # torch never writes such, a bomb would be
            raise ValueError(f"{info.filename} is compressed")
        if info.filename.casefold() in seen:
            raise ValueError(f"{info.filename} is there twice")
        seen.add(info.filename.casefold())
        yield info
    if min((info.header_offset for info in archive.infolist()), default=1):
        raise ValueError("it does not begin with its first record")
