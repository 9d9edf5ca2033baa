"""The test images that most rows get wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from edgessl.report.compare.classes import EXTREME
from edgessl.report.compare.row import Row


@dataclass(frozen=True, slots=True)
class HardImage:
    """A test image.

    Attributes:
        index: Its place among the test images.
        wrong: How many rows get it wrong.
        by: Names of those that get it right.
        label: Its class; empty if it is not recorded which image this is.
        path: The file, where it was; empty likewise.
        digest: Beginning of its SHA-1.
    """

    index: int
    wrong: int
    by: tuple[str, ...]
    label: str
    path: str
    digest: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"index": self.index, "wrong": self.wrong, "right_in": list(self.by),
                "class": self.label, "path": self.path}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hardest:
    """What rows get wrong together.

    Attributes:
        rows: How many rows have it recorded which images they get right.
        n: Test images.
        wrong_in_all: Images that none of them gets right.
        right_in_all: Images that all get right.
        images: The hardest 5 %, those that most rows get wrong first; none that all get right.
        scores: Percent of these that each row gets right, by its name.
    """

    rows: int
    n: int
    wrong_in_all: int
    right_in_all: int
    images: tuple[HardImage, ...]
    scores: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "rows": self.rows, "n": self.n, "wrong_in_all": self.wrong_in_all,
            "right_in_all": self.right_in_all, "top1_percent": self.scores,
            "images": [image.to_dict() for image in self.images],
        }  # fmt: skip


def hardest(rows: Sequence[Row]) -> Hardest | None:
    """Find what most rows get wrong.

    Args:
        rows: Scored on the same images.

    Returns:
        None where fewer than two have it recorded which images they get right.
    """
    answered = [row for row in rows if row.right is not None]
    if len(answered) < 2:
        return None
    right = np.stack([np.asarray(row.right) for row in answered])  # (rows, n)
    wrong = (~right).sum(axis=0)
    n = right.shape[1]
    order = np.lexsort((np.arange(n), -wrong))[: ceil(EXTREME * n)]
    chosen = [int(index) for index in order if wrong[index]]
    names = [row.name for row in answered]
    images = tuple(
        _image(rows[0], index, int(wrong[index]),
               tuple(name for name, one in zip(names, right[:, index], strict=True) if one))
        for index in chosen
    )  # fmt: skip
    scores = {
        name: 100 * float(one[chosen].mean()) for name, one in zip(names, right, strict=True)
    } if chosen else {}  # fmt: skip
    everyone = len(answered)
    return Hardest(
        everyone, n, int((wrong == everyone).sum()), int((wrong == 0).sum()), images, scores
    )


def _image(row: Row, index: int, wrong: int, by: tuple[str, ...]) -> HardImage:
    tests = row.tests
    if tests is None or tests.images is None:
        return HardImage(index, wrong, by, "", "", "")
    images = tests.images
    label = tests.classes[images.labels[index]]
    return HardImage(index, wrong, by, label, images.paths[index], images.digests[index])
