"""What classifiers of several labels an image answered on the test images of their runs."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgessl.metrics.tags import map_difference


@dataclass(frozen=True, slots=True, eq=False)
class SeveralAnswers:
    """Probabilities of a classifier, and what the images show.

    Attributes:
        digests: The first letters of each file's SHA-1, ``(N,)``.
        chances: ``(N, K)``.
        shown: ``(N, K)``.
        difficult: Images that do not count for a class, ``(N, K)``.
    """

    digests: NDArray[np.str_]
    chances: NDArray[np.float64]
    shown: NDArray[np.bool_]
    difficult: NDArray[np.bool_]


def read_answers(path: Path) -> SeveralAnswers | None:
    """Read what a run kept of a classifier's answers.

    Args:
        path: Of the file, which need not be there.

    Returns:
        None where it is not there, or no such file: what needs it is left out.
    """
    try:
        # Opened here, because np.load leaves the file open where it is no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            found = SeveralAnswers(
                arrays["digests"], arrays["chances"].astype(np.float64),
                arrays["shown"].astype(bool), arrays["difficult"].astype(bool),
            )  # fmt: skip
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    shape = found.chances.shape
    whole = len(shape) == 2 and found.shown.shape == found.difficult.shape == shape
    sound = whole and found.digests.shape == shape[:1] and np.isfinite(found.chances).all()
    return found if sound and shape[0] else None


def paired_map(one: SeveralAnswers, other: SeveralAnswers) -> dict[str, float | int] | None:
    """Compare two classifiers on the same images.

    Args:
        one: Of the first.
        other: Of the second.

    Returns:
        ``value low high n``: the first minus the second in points of mAP; None where they are not
        of the same images and classes in the same order.
    """
    same = (
        one.chances.shape == other.chances.shape
        and np.array_equal(one.digests, other.digests)
        and np.array_equal(one.shown, other.shown)
        and np.array_equal(one.difficult, other.difficult)
    )
    if not same:
        return None
    return map_difference(one.chances, other.chances, one.shown, one.difficult)
