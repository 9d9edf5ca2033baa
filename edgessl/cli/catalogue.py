"""``edgessl list`` and ``edgessl show``: what there is, and what a recipe says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from edgessl.cli.console import console, print_json
from edgessl.errors import UserError, nearest


def list_entries(
    kind: Annotated[
        str, typer.Argument(help="recipes, backbones, methods, data, targets or devices.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List recipes, backbones, methods, data sets, export targets or bench devices."""
    kinds: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "recipes": _recipes,
        "backbones": _backbones,
        "methods": _methods,
        "data": _data,
        "targets": lambda: _declared("targets"),
        "devices": lambda: _declared("devices"),
    }
    if kind not in kinds:
        raise UserError(f"list: must be one of {', '.join(kinds)}, got '{kind}'"
                        f"{nearest(kind, kinds)}")
    rows = kinds[kind]()
    if as_json:
        print_json(rows)
        return
    for row in rows:
        details = "  ".join(f"{value}" for key, value in row.items() if key != "name" and value)
        console().print(f"{row['name']:<22} {details}".rstrip(), markup=False)


def show(
    name: Annotated[str, typer.Argument(help="RECIPE or RECIPE:VARIANT.")],
) -> None:
    """Print a recipe as it would run."""
    from edgessl.recipe import load_recipe, to_toml

    print(to_toml(load_recipe(name)), end="")


def _recipes() -> list[dict[str, Any]]:
    from edgessl import catalog
    from edgessl.recipe import load_recipe, variants_of

    rows = []
    for name in catalog.entries("recipes"):
        recipe = load_recipe(name)
        rows.append(
            {
                "name": name,
                "source": recipe.source,
                "backbone": recipe.backbone.name,
                "method": recipe.method.name,
                "variants": variants_of(name),
            }
        )
    return rows


def _backbones() -> list[dict[str, Any]]:
    from edgessl.backbones import BACKBONES

    return [
        {
            "name": name,
            "timm": family.timm_name,
            "last_stage": "removable" if family.remove_last_stage else "",
        }
        for name, family in BACKBONES.items()
    ]


def _methods() -> list[dict[str, Any]]:
    from edgessl.recipe.method_tables import METHODS

    return [{"name": name} for name in METHODS]


def _data() -> list[dict[str, Any]]:
    from edgessl.data.source import names

    return [{"name": name, "about": about} for name, about in names().items()]


def _declared(kind: str) -> list[dict[str, Any]]:
    from edgessl import catalog
    from edgessl.schema import read_toml

    return [{"name": name, **read_toml(path)} for name, path in catalog.entries(kind).items()]
