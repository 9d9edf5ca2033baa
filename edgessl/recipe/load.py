"""From a recipe's name, variant and overrides to one resolved table, and back to TOML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Any

import tomli_w

from edgessl import catalog
from edgessl.errors import UserError, nearest
from edgessl.recipe.tables import Recipe
from edgessl.recipe.variants import Conditions, Variant, take_variants
from edgessl.schema import Table, validate
from edgessl.toml_file import MAX_DEPTH, parse_toml, read_toml


def load_recipe(
    name: str, *, conditions: Conditions | None = None, overrides: Sequence[str] = ()
) -> Recipe:
    """Resolve a recipe.

    Args:
        name: ``NAME``, ``NAME:VARIANT``, or the path of a TOML file (with ``:VARIANT`` or not).
        conditions: Facts that choose variants with a ``when``; None chooses none of them.
        overrides: ``KEY=VALUE`` with a dotted key and a TOML value.

    Raises:
        UserError: No such recipe or variant, or mistakes in it, all at once.

    Examples:
        >>> import edgessl
        >>> recipe = edgessl.load_recipe("mobilenetv2-dino", overrides=["pretrain.epochs=5"])
        >>> recipe.method.name, recipe.pretrain.epochs
        ('dino', 5)
    """
    values, where = resolved(name, _path(_split(name)[0]), conditions, overrides)
    return validate(Recipe, values, where)


def resolved(
    name: str, path: Path, conditions: Conditions | None, overrides: Sequence[str]
) -> tuple[dict[str, Any], str]:
    """Lay variants and overrides over a file.

    Args:
        name: ``NAME`` or ``NAME:VARIANT``, whose file is known.
        path: That file.
        conditions: Facts that choose variants with a ``when``; None chooses none of them.
        overrides: ``KEY=VALUE`` with a dotted key and a TOML value.

    Returns:
        The plain values, not yet checked, and the file's name for messages.

    Raises:
        UserError: No such variant, or an override that fits nowhere.
    """
    variant = _split(name)[1]
    values = read_toml(path)
    variants = take_variants(values, path.name)
    # A file's name may be of bytes that are no text, which TOML cannot hold.
    values.setdefault("name", path.stem.encode("utf-8", "replace").decode("utf-8"))
    _take_source(values, path)
    for candidate in variants:
        if candidate.applies(conditions):
            _merge(values, candidate.changes, path.name)
    if variant:
        known = {candidate.name: candidate.changes for candidate in variants if candidate.name}
        if variant not in known:
            raise UserError(
                f"{path.name}: has no variant '{variant}'{nearest(variant, known)}; "
                f"variants: {', '.join(known) or 'none'}"
            )
        _merge(values, known[variant], f"{path.name}:{variant}")
        values["name"] = f"{values['name']}:{variant}"
    for override in overrides:
        _override(values, override)
    return values, path.name


def variants_of(name: str) -> list[str]:
    """Return the names of a recipe's variants."""
    return [variant.name for variant in _variants(name) if variant.name]


def variants_in(path: Path) -> list[str]:
    """Return the names of the variants of a file."""
    return [one.name for one in take_variants(read_toml(path), path.name) if one.name]


def about_variants(name: str) -> list[str]:
    """Say which variants ``load_recipe`` leaves out by a name alone, a line each for a comment.

    Args:
        name: As of ``load_recipe``.

    Raises:
        UserError: No such recipe, or mistakes in its variants.
    """
    base, chosen = _split(name)
    left = [variant for variant in _variants(base) if variant.name != chosen]
    # The name of a file may hold what a comment of TOML must not.
    typed = "".join(letter if letter.isprintable() else "?" for letter in base)
    lines = []
    if names := [variant.name for variant in left if variant.name]:
        what = f"with its variant {chosen}; others" if chosen else "without a variant; variants"
        lines.append(f"{typed} {what}: {', '.join(names)} (edgessl show {typed}:{names[0]})")
    if fitting := [variant.name or "one without a name" for variant in left if variant.when]:
        lines.append(f"edgessl recipe takes by itself, where it fits: {', '.join(fitting)}")
    return lines


def _variants(base: str) -> tuple[Variant, ...]:
    path = _path(base)
    return take_variants(read_toml(path), path.name)


def _path(base: str) -> Path:
    return Path(base) if base.endswith(".toml") else catalog.find("recipes", base)


def _take_source(values: dict[str, Any], path: Path) -> None:
    """Let the folder say the source of a recipe of the catalogue."""
    folder = catalog.source_of(path)
    if folder and values.setdefault("source", folder) != folder:
        raise UserError(
            f"{path.name}: source: must be '{folder}', the folder it lies in, got "
            f"'{values['source']}'; leave it out or move the file"
        )


def _split(name: str) -> tuple[str, str]:
    """Split the variant off; the path of a file may hold colons itself."""
    if name.endswith(".toml"):
        return name, ""
    file, ending, variant = name.rpartition(".toml:")
    if ending and "/" not in variant:
        return file + ".toml", variant
    base, _, variant = name.partition(":")
    return base, variant


def _merge(values: dict[str, Any], changes: dict[str, Any], where: str) -> None:
    """Lay a variant's keys over a recipe, table by table; values are replaced.

    A list is replaced too, unless the keys of the change are the numbers of its entries:
    ``views.1.size_px = 112`` changes one key of the second group.

    Args:
        values: The recipe, changed in place.
        changes: The variant.
        where: What to name in a message.
    """
    for key, change in changes.items():
        old = values.get(key)
        if isinstance(change, dict) and isinstance(old, list):
            _merge_entries(old, change, f"{where}: {key}")
        elif isinstance(change, dict) and isinstance(old, dict):
            if _is_another_kind(old, change):
                values[key] = change  # none of the old keys apply
            else:
                _merge(old, change, where)
        else:
            values[key] = change


def _is_another_kind(old: dict[str, Any], change: dict[str, Any]) -> bool:
    """Tell whether a change names another backbone, method or optimiser, or another crop."""
    return any(
        kind in change and change[kind] != old.get(kind, default)
        for kind, default in (("name", None), ("crop", "resized"))
    )


def _merge_entries(entries: list[Any], changes: dict[str, Any], where: str) -> None:
    """Lay a variant's keys over some of a list's tables."""
    known = [str(number) for number in range(len(entries))]
    for number, change in changes.items():
        if number not in known or not isinstance(change, dict):
            raise UserError(
                f"{where}.{number}: must be the number of an entry ({', '.join(known)}) with a "
                "table of its keys; a whole list replaces the list"
            )
        _merge(entries[int(number)], change, f"{where}.{number}")


def _override(values: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key.strip():
        raise UserError(f"--set: must read KEY=VALUE, got '{override}'")
    try:
        value = parse_toml(f"value = {text}")["value"]
    except TOMLDecodeError:
        value = text  # a bare word is a string
    except ValueError as error:
        raise UserError(f"--set {key.strip()[:80]}: must have a value, got {error}") from error
    table: Any = values
    *parents, last = key.strip().split(".")
    if len(parents) > MAX_DEPTH:
        raise UserError(f"--set {key.strip()[:80]}...: must be a key of a recipe, got one of "
                        f"{len(parents) + 1} parts; check it")
    for part in parents:
        try:
            table = table[int(part)] if isinstance(table, list) else table.setdefault(part, {})
        except (ValueError, IndexError) as error:
            raise UserError(
                f"--set {override}: '{part}' must be the number of an entry, of which there are "
                f"{len(table)}; the first is 0"
            ) from error
        if not isinstance(table, dict | list):
            raise UserError(
                f"--set {override}: '{part}' must be a table to have keys, got the value "
                f"{table!r}; pass --set {override.partition(part)[0]}{part}=VALUE"
            )
    if isinstance(table, list):
        raise UserError(
            f"--set {override}: '{last}' must name a key; '{parents[-1]}' is a list of "
            f"{len(table)}; pass a number first, such as {parents[-1]}.0.{last}"
        )
    table[last] = value


def to_toml(recipe: Table) -> str:
    """Write a recipe as TOML that reads back to the same table."""
    text = tomli_w.dumps(_name_first(recipe.model_dump(exclude_none=True)))
    return _ARRAY.sub(_on_one_line, text)


_ARRAY = re.compile(r"^(.* = )\[\n((?:    .+,\n)+)\]$", re.MULTILINE)
"""An array as tomli_w writes it, an item a line; no string has a line of its own."""


def _on_one_line(array: re.Match[str]) -> str:
    items = [line.strip(" ").removesuffix(",") for line in array[2].split("\n")[:-1]]
    return f"{array[1]}[{', '.join(items)}]"


def _name_first(value: Any) -> Any:
    """Order tables so that they begin with what they are."""
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: key != "name")
        return {key: _name_first(value[key]) for key in keys}
    return [_name_first(item) for item in value] if isinstance(value, list | tuple) else value
