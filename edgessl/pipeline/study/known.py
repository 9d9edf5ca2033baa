"""What the rows of a study have found, kept in its folder so that it goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgessl.files import atomic_path
from edgessl.json_file import read_table
from edgessl.pipeline.study.number import Number


class Known:
    """Numbers of rows by what was asked of them.

    Args:
        path: The file; one that is damaged counts as none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found = read_table(path)

    def get(self, key: str) -> list[Number] | None:
        """Return what a row has found; None where it has not been run so.

        Args:
            key: What was asked of it.
        """
        try:
            return [Number(**one) for one in self._found[key]]
        except (KeyError, TypeError):
            return None

    def keep(self, key: str, numbers: Sequence[Number]) -> None:
        """Remember what a row has found.

        Args:
            key: What was asked of it.
            numbers: What it found.
        """
        self._found[key] = [asdict(one) for one in numbers]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_values(self._path, self._found)


def write_values(path: Path, values: Mapping[str, Any]) -> None:
    """Write plain values as JSON, whole or not at all.

    Args:
        path: Where to.
        values: What to write.

    Raises:
        UserError: The disk is full or the folder is not writable.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
