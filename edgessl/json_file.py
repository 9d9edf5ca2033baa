"""JSON from a file that may be damaged, read as plain values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_LARGEST = 1e15  # nothing that is measured comes near it


def parse_json(text: str) -> Any:
    """Read JSON.

    Args:
        text: The content of a file.

    Raises:
        ValueError: It is none, or nests deeper than can be read.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("lists or tables nested too deep") from error


def read_table(path: Path) -> dict[str, Any]:
    """Read a JSON table that is only good for what it saves; empty where there is none.

    Args:
        path: A file that may be missing, damaged or something else.
    """
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def is_amount(value: object) -> bool:
    """Say whether a value is a number above 0, such as a time or a size that was measured.

    Args:
        value: As read from JSON.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 < value <= _LARGEST  # type: ignore[operator]
