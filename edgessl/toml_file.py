"""A file that people write, read as plain values."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from edgessl.errors import UserError


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        UserError: It is missing, cannot be read, or is not TOML; the message says where.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{path}: must be a TOML file, found none; check the path") from error
    except OSError as error:
        raise UserError(
            f"{path}: must be a TOML file that can be read, got '{error.strerror}'; check the path"
        ) from error
    except ValueError as error:  # other bytes than UTF-8, or a path that no file can have
        raise UserError(f"{path}: must be valid TOML, got: {_in_short(error)}") from error
    try:
        return parse_toml(text)
    except ValueError as error:
        raise UserError(f"{path}: must be valid TOML, got: {_in_short(error)}") from error


MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 50  # the deepest table of a recipe is at 4
MAX_DOTS = 2000  # in a key; reading one takes the square of that
MAX_INTEGER = 2**63  # as TOML itself has it


def parse_toml(text: str) -> dict[str, Any]:
    """Read TOML.

    Args:
        text: The content of a file, or a line of it.

    Raises:
        ValueError: It is not TOML, or has sizes that no table of this package has: nesting,
            length, integers.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"{len(text):,} characters, where {MAX_CHARACTERS:,} are the most")
    if any(part.count(".") > MAX_DOTS for line in text.split("\n") for part in line.split("=")):
        raise ValueError(f"a key of more than {MAX_DOTS:,} parts")
    try:
        values = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    _check(values)
    return values


_TOO_DEEP = f"tables or lists nested more than {MAX_DEPTH} deep"


def _check(values: dict[str, Any]) -> None:
    """Look at every value, level by level: what nests too deeply must not recurse here either."""
    level: list[Any] = [values]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner for value in level
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, dict | list) or _is_too_large(inner)
        ]  # fmt: skip
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def _is_too_large(value: object) -> bool:
    if isinstance(value, int) and not -MAX_INTEGER <= value < MAX_INTEGER:
        raise ValueError("an integer of more than 64 bits")
    return False


def _in_short(error: ValueError) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:197] + "..."
