"""One sound image file, as it is split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """One sound image file.

    Attributes:
        digest: SHA-1 of its content, in hexadecimal.
        label: Its class, or None.
        path: The file.
    """

    digest: str
    label: str | None
    path: Path


def torn_contents(samples: Iterable[Sample]) -> set[str]:
    """Return the digests of contents whose copies carry different labels."""
    labels: dict[str, str | None] = {}
    return {s.digest for s in samples if labels.setdefault(s.digest, s.label) != s.label}
