"""Small copies that programs keep of images: a copy in another split gives the test away."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Mapping

Names = tuple[str, ...]
Parts = tuple[str, ...]

_ENDING = re.compile(r"[-_. ](?:thumb(?:nail)?s?|tn)$|[-_]\d{2,4}x\d{2,4}$", re.IGNORECASE)
_BEGINNING = re.compile(r"^(?:thumb(?:nail)?s?|tn)[-_. ]", re.IGNORECASE)
_FOLDER = re.compile(r"^[._]*thumb(?:nail)?s?[._]*$", re.IGNORECASE)


def without_thumbnails(folders: Mapping[Parts, Names]) -> tuple[dict[Parts, Names], int]:
    """Leave out images that are, by their names, thumbnails of others that are there.

    A thumbnail is called as its original with ``thumb`` or a size such as ``150x150`` beside the
    name, or lies under the original's name in a folder ``thumbs``. Without an original it stays.

    Args:
        folders: Names of the images in each folder.

    Returns:
        The same without thumbnails and without folders that held nothing else, and how many
        thumbnails there were.
    """
    stems = {parts: {_stem(name) for name in names} for parts, names in folders.items()}
    originals = Counter(
        stem for parts, here in stems.items() if not _in_thumbnails(parts)
        for stem in here if _original(stem) is None
    )  # fmt: skip
    kept: dict[Parts, Names] = {}
    count = 0
    for parts, names in folders.items():
        known = _originals_of(parts, stems, originals)
        strange = _in_thumbnails(parts)  # there, thumbnails may be called as their originals
        rest = tuple(
            name for name in names
            if (_original(_stem(name)) or (_stem(name) if strange else None)) not in known
        )  # fmt: skip
        count += len(names) - len(rest)
        if rest:
            kept[parts] = rest
    return kept, count


def _originals_of(
    parts: Parts, stems: Mapping[Parts, set[str]], originals: Counter[str]
) -> Container[str | None]:
    """Return the images that those of a folder may be thumbnails of."""
    if _in_thumbnails(parts):
        outside = tuple(part for part in parts if not _FOLDER.match(part))
        if outside in stems:
            return stems[outside]
        # Class folders number their images alike; an original is there once.
        called = {_original(stem) or stem for stem in stems[parts]}
        return called if all(originals[stem] == 1 for stem in called) else ()
    if all(_original(stem) in originals for stem in stems[parts]):
        return originals
    return stems[parts]


def _in_thumbnails(parts: Parts) -> bool:
    return any(_FOLDER.match(part) for part in parts)


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0].lower()


def _original(stem: str) -> str | None:
    """Return the stem of the image that this one is called a thumbnail of; None if of none."""
    for pattern in (_ENDING, _BEGINNING):
        if pattern.search(stem):
            return pattern.sub("", stem)
    return None
