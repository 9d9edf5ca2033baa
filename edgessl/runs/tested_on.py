"""``tested_on.txt`` in a run folder: the images that its scores are of, in order.

The first line names the data; each other one has the beginning of a SHA-1, the index of the class,
and the file. So runs are compared image by image, also where their training images differ, and
what most of them get wrong can be shown.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgessl.json_file import parse_json

NAME = "tested_on.txt"
_LETTERS = 16  # as in trained_on.txt


@dataclass(frozen=True, slots=True)
class ImagesTested:
    """Test images, in the order in which answers are kept.

    Attributes:
        fingerprint: Of the data that they are the test split of.
        digests: The first letters of each file's SHA-1.
        labels: Index of each image's class.
        paths: The files, where they were.
    """

    fingerprint: str
    digests: tuple[str, ...]
    labels: tuple[int, ...]
    paths: tuple[str, ...]


def to_text(
    fingerprint: str, digests: Sequence[str], labels: Sequence[int], paths: Sequence[Path]
) -> str:
    """Return the content of the file.

    Args:
        fingerprint: Of the data.
        digests: SHA-1 of each test image, in hexadecimal.
        labels: Index of each one's class.
        paths: Where each one is.
    """
    lines = [
        f"{digest[:_LETTERS]} {label} {json.dumps(str(path))}"
        for digest, label, path in zip(digests, labels, paths, strict=True)
    ]
    return "\n".join([f"data {fingerprint}", *lines]) + "\n"


def read(run: Path) -> ImagesTested | None:
    """Return the test images of a run.

    Args:
        run: Its folder.

    Returns:
        None where they are not recorded, or the record is damaged: what needs it is left out.
    """
    try:
        first, *lines = (run / NAME).read_text(encoding="ascii").splitlines()
        parts = [line.split(" ", 2) for line in lines]
        found = ImagesTested(
            first.removeprefix("data "),
            tuple(digest for digest, _, _ in parts),
            tuple(int(label) for _, label, _ in parts),
            tuple(str(parse_json(path)) for _, _, path in parts),
        )
    except (OSError, ValueError):
        return None
    whole = all(len(digest) == _LETTERS for digest in found.digests)
    return found if whole and first.startswith("data ") else None
