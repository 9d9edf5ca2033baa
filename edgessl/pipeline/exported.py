"""What an export made: the files, and what each was checked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgessl.export.gates.gate import Gate
from edgessl.export.product import ExportedFile, NotMade
from edgessl.export.unchecked import Unchecked


@dataclass(frozen=True, slots=True)
class Exports:
    """The files of an export, failed ones included. Iterating gives the paths that passed.

    Attributes:
        checkpoint: What they were made from.
        files: Each with its ``path``, ``format``, ``precision``, ``gates`` and ``passed``.
        not_made: Files that a converter gave up on, each with its ``name`` and ``reason``.
        unchecked: Models that were written, and that nothing here can run.
    """

    checkpoint: Path
    files: tuple[ExportedFile, ...]
    not_made: tuple[NotMade, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every file was made, and passed every gate."""
        return not self.not_made and all(file.passed for file in self.files)

    @property
    def gates(self) -> dict[str, tuple[Gate, ...]]:
        """What each file was checked for, by its name: ``name``, ``status`` and ``finding``."""
        return {file.path.name: file.gates for file in self.files}

    def __repr__(self) -> str:
        names = ", ".join(file.path.name for file in self.files)
        return f"Exports({self.checkpoint.parent}: {names}; passed={self.passed})"

    def __iter__(self) -> Iterator[Path]:
        return (file.path for file in self.files if file.passed)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for ``--json``."""
        files = [file.to_dict() for file in self.files]
        not_made = [{"name": one.name, "reason": one.reason} for one in self.not_made]
        more = {"not_made": not_made} if not_made else {}
        if self.unchecked:
            more["unchecked"] = [one.to_dict() for one in self.unchecked]
        return {"checkpoint": str(self.checkpoint), "files": files, **more}
