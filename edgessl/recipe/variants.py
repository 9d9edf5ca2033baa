"""The variants of a recipe file: which keys they change, and what chooses them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgessl.errors import UserError, nearest

Conditions = Mapping[str, Any]
"""What a variant's ``when`` is compared with: ``data``, ``device``, ``images``."""

_KINDS = {"data": (str, "a string"), "device": (str, "a string"), "max_images": (int, "a number")}
"""Of the keys of ``when``."""

_MOST = 1000


@dataclass(frozen=True, slots=True)
class Variant:
    """One ``[[variant]]``.

    Attributes:
        name: What chooses it after a recipe's name; empty if only ``when`` does.
        when: What chooses it by itself; empty if only its name does.
        changes: Keys of the recipe.
    """

    name: str
    when: dict[str, Any]
    changes: dict[str, Any]

    def applies(self, conditions: Conditions | None) -> bool:
        """Tell whether it chooses itself; without conditions none does."""
        if not self.when or conditions is None:
            return False
        for key, wanted in self.when.items():
            if key == "max_images":
                if conditions["images"] > wanted:
                    return False
            elif conditions[key] != wanted:
                return False
        return True


def take_variants(values: dict[str, Any], where: str) -> tuple[Variant, ...]:
    """Take the variants out of a recipe as it was read.

    Args:
        values: The recipe; what is left are its own keys.
        where: Name of the file, for messages.

    Raises:
        UserError: One line for each mistake.
    """
    found = values.pop("variant", [])
    if not isinstance(found, list):
        raise UserError(
            f"{where}: variant: must be a list of tables, got {_short(found)}; "
            "write [[variant]] with two brackets"
        )
    if len(found) > _MOST:
        raise UserError(
            f"{where}: variant: must be at most {_MOST} tables, got {len(found)}; leave some out"
        )
    mistakes = [*_mistakes(found)]
    if mistakes:
        raise UserError(f"{where}: {len(mistakes)} mistake(s)\n  " + "\n  ".join(mistakes))
    return tuple(
        Variant(
            table.get("name", ""), table.get("when", {}),
            {key: value for key, value in table.items() if key not in ("name", "when")},
        )
        for table in found
    )  # fmt: skip


def _mistakes(tables: list[Any]) -> Iterator[str]:
    names: list[str] = []
    for number, table in enumerate(tables):
        place = f"variant.{number}"
        if not isinstance(table, dict):
            yield f"{place}: must be a table, got {_short(table)}; write [[variant]]"
            continue
        name, when = table.get("name"), table.get("when")
        if name is None and when is None:
            yield (
                f"{place}: must have a name or a when that chooses it, found neither; "
                'give it one, such as name = "short"'
            )
        if name is not None:
            yield from _name_mistakes(place, name, names)
            names.append(name)
        if when is not None:
            yield from _when_mistakes(f"{place}.when", when)


def _name_mistakes(place: str, name: object, names: list[str]) -> Iterator[str]:
    if not isinstance(name, str) or not name or ":" in name:
        yield f"{place}.name: must be a string without a colon, got {_short(name)}; rename it"
    elif name in names:
        yield (
            f"{place}.name: must be another than that of variant.{names.index(name)}, got "
            f"'{name}' again; rename one of them"
        )


def _when_mistakes(place: str, when: object) -> Iterator[str]:
    if not isinstance(when, dict) or not when:
        yield f'{place}: must be a table such as {{ data = "demo" }}, got {_short(when)}'
        return
    for key, value in when.items():
        if key not in _KINDS:
            hint = nearest(key, _KINDS) or f"; known keys: {', '.join(_KINDS)}"
            yield f"{place}.{key}: unknown key{hint}"
            continue
        kind, words = _KINDS[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            yield f"{place}.{key}: must be {words}, got {value!r}; give it as one"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:56] + " …"
