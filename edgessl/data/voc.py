"""Pascal VOC 2007: images that show several kinds of things each."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from edgessl.data.listing import Entry, SplitName, Tags
from edgessl.data.official import lines

CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip
_PARTS: dict[str, SplitName] = {"trainval": "unlabeled", "test": "test"}


def read_voc2007(base: Path) -> list[Entry]:
    """Read VOC2007: ``JPEGImages/`` and, for each class, ``ImageSets/Main/CLASS_{trainval,test}``.

    A line there is an image and 1 (shown), 0 (only in ways that are difficult to recognise) or -1.
    """
    entries = []
    for part, split in _PARTS.items():
        marks: dict[str, dict[str, str]] = defaultdict(dict)
        for name in CLASSES:
            for line in lines(base / "ImageSets" / "Main" / f"{name}_{part}.txt"):
                image, mark = line.split()
                marks[image][name] = mark
        for image, found in marks.items():
            tags = Tags(_marked(found, "1"), _marked(found, "0"))
            path = base / "JPEGImages" / f"{image}.jpg"
            entries.append(Entry(path, None, split, tags))
    return entries


def _marked(marks: dict[str, str], mark: str) -> tuple[str, ...]:
    return tuple(name for name in CLASSES if marks[name] == mark)
