"""Where general weights come from and what they bring: for checkpoint, card and report."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

Triple = tuple[float, float, float]
NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of weights.

    Attributes:
        source: As the user named them: ``imagenet:BACKBONE``, ``timm:NAME``, or a file.
        file: The file that was read.
        sha256: Of its content, in hexadecimal.
        licence: Its name, or ``not known``.
        came_from: Who gave the file: a package, a cache, a download, the user.
        network: The network that they were trained in, where it is another than the one that they
            were asked for; empty where it is not known to be.
        mean: Per-channel mean that images were normalised with; None where it is not known.
        std: The same of the standard deviation.
    """

    source: str
    file: str
    sha256: str
    licence: str = NOT_KNOWN
    came_from: str = "a file of yours"
    network: str = ""
    mean: Triple | None = None
    std: Triple | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        values = {key: value for key, value in asdict(self).items() if value not in (None, "")}
        return {
            key: [*value] if isinstance(value, tuple) else value for key, value in values.items()
        }

    def told(self) -> str:
        """Say all of it in a sentence."""
        return (
            f"{self.source} is {self.file} ({self.came_from}; licence: {self.licence}; sha256 "
            f"{self.sha256})."
        )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Args:
        path: The file.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Given:
    """General weights.

    Attributes:
        tensors: By the names of their file.
        origin: Where they come from.
    """

    tensors: Mapping[str, Tensor]
    origin: Origin
