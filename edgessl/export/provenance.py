"""Where a network comes from, in words that may leave this machine."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath
from typing import Any


def portable(value: Any) -> Any:
    """Replace every absolute path in plain values by its last part.

    Args:
        value: A string, number, None, or lists and dicts of them.

    Returns:
        The same without folders of this machine.
    """
    if isinstance(value, dict):
        return {key: portable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [portable(item) for item in value]
    if not isinstance(value, str):
        return value
    for path in (PurePosixPath(value), PureWindowsPath(value)):
        if path.is_absolute():
            return path.name
    return value
