"""GeoLifeCLEF 2020, the half from the US: aerial images with the land cover in them as labels.

A patch is an array of 256 x 256 x 5 bytes: red, green, blue, near infra-red, and the land cover of
every pixel. An image has the label of every land cover that it shows at all (Cole et al., section
C.1); test is the set's own, held out in spatial blocks.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from pathlib import Path

import numpy as np

from edgessl.data.array_file import bytes_of_array
from edgessl.data.cache import cache_part
from edgessl.data.dataset import Entry, SplitName, Tags
from edgessl.data.parallel import ordered_map
from edgessl.files import atomic_path

_SPLITS: tuple[SplitName, ...] = ("train", "test")
_LAND_COVER = 4  # the plane of a patch


def read_us(base: Path) -> list[Entry]:
    """Read ``occurrences/occurrences_us_{train,test}.csv`` and ``patches_us/``.

    Every patch has to be read for its labels; they are kept in the cache.
    """
    ids = {split: _ids(base / "occurrences" / f"occurrences_us_{split}.csv") for split in _SPLITS}
    parts = (base / "patches_us" / "patches_us_01").is_dir()
    paths = {
        split: [base / "patches_us" / _place(number, in_parts=parts) for number in numbers]
        for split, numbers in ids.items()
    }
    cover = _covers(base, [path for split in _SPLITS for path in paths[split]])
    return [
        Entry(path, None, split, Tags(tuple(f"land cover {value:02d}" for value in values)))
        for split in _SPLITS
        for path in paths[split]
        for values in (cover.get(path.name, []),)
    ]


def _ids(file: Path) -> list[int]:
    with file.open(newline="", encoding="utf-8") as text:
        found = [int(row["id"]) for row in csv.DictReader(text, delimiter=";")]
    return list(dict.fromkeys(found))


def _place(number: int, *, in_parts: bool) -> str:
    """Return where a patch lies: in folders of its last digits, CD/AB of ...ABCD."""
    ab, cd = divmod(number % 10_000, 100)
    part = f"patches_us_{math.ceil((cd + 1) / 5):02d}/" if in_parts else ""
    return f"{part}{cd:02d}/{ab:02d}/{number}.npy"


def _covers(base: Path, paths: list[Path]) -> dict[str, list[int]]:
    """Return the land covers that every patch shows, by its name; none of one that is damaged."""
    what = hashlib.sha1(f"{base} {len(paths)}".encode(), usedforsecurity=False).hexdigest()
    kept = cache_part("sets") / f"glc20-{what[:16]}.json"
    if kept.is_file():
        found: dict[str, list[int]] = json.loads(kept.read_bytes())
        return found
    found = dict(ordered_map(_cover, paths))
    kept.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(kept) as temporary:
        temporary.write_text(json.dumps(found))
    return found


def _cover(path: Path) -> tuple[str, list[int]]:
    try:
        planes = bytes_of_array(path.read_bytes())
    except (FileNotFoundError, ValueError):  # left out by name when its pixels are looked at
        return path.name, []
    return path.name, np.unique(planes[:, :, _LAND_COVER]).tolist()
