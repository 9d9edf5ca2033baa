"""``trained_on.txt`` in a run folder: which images a run trained on, by content.

The first line names the data; each other one begins a SHA-1, in order. So an evaluation recognises
training images under any name, also once the run's folder of images has changed or gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from edgessl.runs.snapshots import run_of

NAME = "trained_on.txt"
_LETTERS = 16  # 64 bits: a million images and another million meet by chance once in 10 million


def shorten(digests: Iterable[str]) -> frozenset[str]:
    """Return what the file keeps of digests."""
    return frozenset(digest[:_LETTERS] for digest in digests)


def to_text(fingerprint: str, digests: Iterable[str]) -> str:
    """Return the content of the file.

    Args:
        fingerprint: Of the data that the run trained on.
        digests: SHA-1 of each image, in hexadecimal.
    """
    return "\n".join([f"data {fingerprint}", *sorted(shorten(digests))]) + "\n"


def beside(model: Path, fingerprint: str) -> frozenset[str] | None:
    """Return the images that a network was trained on, by their shortened digests.

    Args:
        model: A file of the run, or one exported into its folder.
        fingerprint: Of the data, as the network names it.

    Returns:
        None where the file is not there or is of another run.
    """
    lines = _lines(run_of(model) / NAME)
    if not lines or lines[0] != f"data {fingerprint}":
        return None
    return frozenset(lines[1:])


def of_start(start: Path) -> frozenset[str]:
    """Return what the run of a start was trained on; nothing where that is not recorded."""
    return frozenset(_lines(run_of(start) / NAME)[1:])


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return []
    return lines if _is_whole(lines) else []


def _is_whole(lines: Collection[str]) -> bool:
    return all(len(line) == _LETTERS for line in list(lines)[1:])
