"""What packs the cache holds, finished or not."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgessl.data.cache import cache_root
from edgessl.data.pack_file import images_in

_FINISHED = re.compile(r"[0-9a-f]+-(\d+)\.pack")
_UNFINISHED = re.compile(r"\.[0-9a-f]+-(\d+)\.pack\.part")


@dataclass(frozen=True, slots=True)
class ListedPack:
    """One pack in the cache.

    Attributes:
        name: Its file.
        size_px: Side of its images.
        images: How many it holds.
        bytes: Its size.
        finished: Whether it is whole; otherwise the next run with these images goes on with it.
    """

    name: str
    size_px: int
    images: int
    bytes: int
    finished: bool


def list_packs() -> list[ListedPack]:
    """Return the packs in the cache, largest first; their content is not looked at."""
    folder = cache_root() / "packs"
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        match = _FINISHED.fullmatch(path.name) or _UNFINISHED.fullmatch(path.name)
        if match and path.is_file():
            size_px, size = int(match[1]), path.stat().st_size
            finished = path.suffix == ".pack"
            images = images_in(size, size_px, finished=finished)
            found.append(ListedPack(path.name, size_px, images, size, finished))
    return sorted(found, key=lambda pack: (-pack.bytes, pack.name))
