"""Strict tables, and their mistakes in words: all at once, each with its place and way out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from edgessl.errors import UserError, nearest
from edgessl.toml_file import read_toml

__all__ = ["Mistakes", "Table", "read_toml", "validate"]


class Table(BaseModel):
    """A frozen table that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


TableType = TypeVar("TableType", bound=Table)


_SHOWN = 50  # mistakes in full; a word is looked for in each


class Mistakes(ValueError):
    """Several mistakes that one check of a table has found.

    Args:
        lines: A sentence each, with its place.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = tuple(lines)


def validate(table: type[TableType], values: dict[str, Any], where: str) -> TableType:
    """Check values against a table.

    Args:
        table: The table's class.
        values: Plain values, as read from TOML.
        where: Name of the file, for the message.

    Raises:
        UserError: One line for each mistake.
    """
    try:
        # Through JSON, where strict means that "3" is no number and an array still is a tuple.
        return table.model_validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False)
        lines = [line for mistake in found[:_SHOWN] for line in _lines(table, mistake)]
        left = max(0, len(found) - _SHOWN)
        more = [f"and {left} more"] if left else []
        raise UserError(
            f"{where}: {len(lines) + left} mistake(s)\n  " + "\n  ".join(lines + more)
        ) from error


def _lines(table: type[Table], mistake: Any) -> tuple[str, ...]:
    found = mistake.get("ctx", {}).get("error")
    return found.lines if isinstance(found, Mistakes) else (_line(table, mistake),)


def _line(table: type[Table], mistake: Any) -> str:
    place, tables = _follow(table, mistake["loc"])
    dotted = _short(".".join(place)) or "the table"
    if mistake["type"] == "extra_forbidden":
        known = [key for table in tables for key in table.model_fields]
        hint = nearest(place[-1], known) or f"; known keys: {', '.join(known)}"
        return f"{dotted}: unknown key{hint}"
    if mistake["type"] == "missing":
        return f"{dotted}: must be given, found nothing"
    if mistake["type"] == "model_type":
        return f"{dotted}: must be a table, got {_short(repr(mistake['input']))}"
    message = mistake["msg"].removeprefix("Value error, ")
    if mistake["type"] == "value_error":
        return f"{dotted}: {message}"
    return f"{dotted}: {message}, got {_short(repr(mistake['input']))}"


def _short(text: str) -> str:
    """Cut what a user wrote to a length that can be read in a message."""
    return text if len(text) <= 200 else text[:197] + "..."


def _follow(
    table: type[Table], location: tuple[str | int, ...]
) -> tuple[list[str], list[type[Table]]]:
    """Follow pydantic's location of a mistake.

    Args:
        table: Where it starts.
        location: Keys, list positions, and tags of unions (the ``name`` of a method, say).

    Returns:
        The place as a user writes it, without tags, and the tables that could own its last key.
    """
    place, owners, inner = [], [table], [table]
    for part in location:
        if isinstance(part, int):
            place.append(str(part))
            continue
        tagged = [t for t in inner if part in _names(t)]
        if tagged and not any(part in t.model_fields for t in inner):
            inner = tagged
            continue
        place.append(part)
        owners = inner
        fields = [t.model_fields[part].annotation for t in inner if part in t.model_fields]
        inner = [found for annotation in fields for found in _tables_in(annotation)]
    return place, owners


def _names(table: type[Table]) -> tuple[Any, ...]:
    """Return the names that a table of a discriminated union answers to."""
    field = table.model_fields.get("name")
    return get_args(field.annotation) if field is not None else ()


def _tables_in(annotation: Any) -> list[type[Table]]:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return [annotation]
    return [found for part in get_args(annotation) for found in _tables_in(part)]
